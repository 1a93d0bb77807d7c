"""`python -m esb` is the command `esb`."""

from esb.cli.main import main

main(prog_name="esb")

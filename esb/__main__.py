"""`python -m esb` is the command `esb`."""

from esb.cli import main

main(prog_name="esb")

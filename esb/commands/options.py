"""What several commands share: options, and an exit code."""

import click

CONFIG_INVALID = 78
"""EX_CONFIG of sysexits.h: a supervisor should not try again."""
PORT = click.IntRange(0, 65535)

config_option = click.option(
    "-c",
    "--config",
    "path",
    envvar="ESB_CONFIG",
    default="conf/esb.yaml",
    show_default=True,
    metavar="FILE",
    help="The configuration; the environment variable ESB_CONFIG names it too.",
)
host_option = click.option("--host", metavar="HOST", help="Listen here instead of on server.host.")
port_option = click.option(
    "--port", type=PORT, metavar="PORT", help="Listen here instead of on server.port; 0 is any free port."
)

"""Options and an exit code that several commands share."""

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


def _some_host(context: click.Context, option: click.Parameter, host: str | None) -> str | None:
    if host == "":  # an empty variable in a script: the system would listen on all addresses
        raise click.BadParameter("it is empty; 0.0.0.0 or :: is all addresses")
    return host


host_option = click.option("--host", metavar="HOST", callback=_some_host, help="Listen here instead of on server.host.")
port_option = click.option(
    "--port", type=PORT, metavar="PORT", help="Listen here instead of on server.port; 0 is any free port."
)

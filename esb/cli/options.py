"""Options and exit codes that several commands share."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click

from esb.core.errors import ConfigError

CONFIG_INVALID = 78
"""EX_CONFIG of sysexits.h: a supervisor should not try again."""
PORT = click.IntRange(0, 65535)
USUAL = ("esb.yaml", "conf/esb.yaml")
"""Places of a configuration that nobody names: the first that is there counts."""
NONE_HERE = f"there is neither {' nor '.join(USUAL)} here: `esb init` writes one, -c FILE names another"

Callback = Callable[[click.Context, click.Parameter, str | None], str | None]


@contextmanager
def exit_at_mistakes(code: int) -> Iterator[None]:
    """Print the mistakes of a ConfigError that comes from inside, and exit with this code."""
    try:
        yield
    except ConfigError as error:
        click.echo(str(error), err=True)
        sys.exit(code)


def config_from(find: Callback, default: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Return the option `-c`. `find` gets what it names, or None, and returns the path; help calls that `default`."""
    return click.option(
        "-c",
        "--config",
        "path",
        envvar="ESB_CONFIG",
        callback=find,
        metavar="FILE",
        help=f"The configuration; the environment variable ESB_CONFIG names it too.  [default: {default}]",
    )


def usual() -> str | None:
    """Return the configuration that counts if nobody names one: the first that is there of the usual places."""
    return next((place for place in USUAL if Path(place).is_file()), None)


def _needed(context: click.Context, option: click.Parameter, path: str | None) -> str:
    found = path or usual()
    if found is None:
        click.echo(NONE_HERE, err=True)
    return found or USUAL[-1]


def _if_any(context: click.Context, option: click.Parameter, path: str | None) -> str:
    return path or usual() or USUAL[-1]


config_option = config_from(_needed, ", else ".join(USUAL))
config_if_any_option = config_from(_if_any, f"{', else '.join(USUAL)}, else none")


def _some_host(context: click.Context, option: click.Parameter, host: str | None) -> str | None:
    if host == "":  # an empty variable in a script: the system would listen on all addresses
        raise click.BadParameter("it is empty; 0.0.0.0 or :: is all addresses")
    return host


host_option = click.option("--host", metavar="HOST", callback=_some_host, help="Listen here instead of on server.host.")
port_option = click.option(
    "--port", type=PORT, metavar="PORT", help="Listen here instead of on server.port; 0 is any free port."
)

"""esb serve: the gateway itself."""

import gc
import os
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import click

from esb.cli.options import CONFIG_INVALID, config_option, host_option, port_option
from esb.config import ConfigSource
from esb.core.errors import ConfigError, GatewayError

if TYPE_CHECKING:  # they import what a mistake in the arguments need not wait for. Bench: cold.py
    from esb.server.last_good import Fallback, LastGood
    from esb.telemetry.log_writer import LogWriter

NO_LAST_GOOD = "nor can the last good configuration be served"


class NothingToServe(GatewayError):
    """Neither the configuration nor the last good one can be served; the text says why of both."""


@click.command(short_help="Serve the gateway until TERM or INT.")
@config_option
@host_option
@port_option
@click.option(
    "--last-good",
    envvar="ESB_LAST_GOOD",
    show_envvar=True,
    type=click.Path(dir_okay=False),
    metavar="FILE",
    help="Keep the configuration that answers here, and serve it if the one at the start is wrong.",
)
def serve(path: str, host: str | None, port: int | None, last_good: str | None) -> None:
    """Serve the gateway until TERM or INT, then finish the calls in flight. HUP reads the configuration again.

    When ready, one line on stdout says where: listening on http://HOST:PORT. The log goes to stderr: JSON lines, or
    lines for people on a terminal; ESB_LOG=json or ESB_LOG=text decides otherwise. Exit code 0 after TERM or INT, 1 if
    the address is taken, 78 if the configuration is wrong and there is no last good one.
    """
    # Until it serves: to search all that start-up makes for garbage, again and again, is a good part of its time.
    # Bench: cold.py.
    gc.disable()
    from esb.server.last_good import LastGood
    from esb.server.listener import CannotListen
    from esb.server.successor import has_predecessor
    from esb.telemetry.process_log import process_log, told_not_started

    kept = LastGood(Path(last_good)) if last_good else None
    try:
        with process_log(os.environ) as log:
            start = partial(_serve, host=host, port=port, log=log, last_good=kept)
            try:
                start(ConfigSource(path))
            except ConfigError as error:
                if kept is None or has_predecessor(os.environ):  # which answers on, by the configuration it has
                    raise
                _fall_back(start, kept, Path(path), error)
    except (ConfigError, NothingToServe) as error:
        click.echo(str(error), err=True)
        sys.exit(CONFIG_INVALID)
    except CannotListen as error:
        if told_not_started(os.environ, str(error)):
            sys.exit(1)
        raise click.ClickException(str(error)) from error


def _serve(
    source: ConfigSource,
    host: str | None,
    port: int | None,
    log: "LogWriter",
    last_good: "LastGood | None",
    fallback: "Fallback | None" = None,
) -> None:
    from esb.server import serve as serving

    served = serving.serve
    if source.resolve().server.workers > 1:
        from esb.server.workers.run import supervised as served
    serving.run(served(source, host, port, log, last_good, fallback))


def _fall_back(start: Callable[..., None], last_good: "LastGood", path: Path, error: ConfigError) -> None:
    """Serve the last good configuration instead of the file at `path`. NothingToServe if that is impossible too."""
    from esb.gateway.plugin_reimport import forget
    from esb.server.last_good import Fallback, NothingKept

    forget(path.absolute().parent)  # the one that is kept may lie elsewhere, with plugins of the same names
    mistakes = tuple(map(str, error.mistakes))
    try:
        start(last_good.source(), fallback=Fallback(path, mistakes, last_good.path))
    except (NothingKept, ConfigError) as another:
        raise NothingToServe(f"{error}\n{NO_LAST_GOOD}: {another}") from another

"""esb serve: the gateway itself."""

import gc
import os
import sys

import click

from esb.cli.options import CONFIG_INVALID, config_option, host_option, port_option
from esb.config import ConfigSource
from esb.core.errors import ConfigError


@click.command(short_help="Serve the gateway until TERM or INT.")
@config_option
@host_option
@port_option
def serve(path: str, host: str | None, port: int | None) -> None:
    """Serve the gateway until TERM or INT, then finish the calls in flight. HUP reads the configuration again.

    When ready, one line on stdout says where: listening on http://HOST:PORT. The log goes to stderr, as JSON lines
    with ESB_LOG=json. Exit code 0 after TERM or INT, 1 if the address is taken, 78 if the configuration is wrong.
    """
    # Until it serves: to search all that start-up makes for garbage, again and again, is a good part of its time.
    # Bench: cold.py.
    gc.disable()
    from esb.server import serve as serving
    from esb.server.listener import CannotListen
    from esb.telemetry import logs, stdlib_logs

    source = ConfigSource(path)
    served = serving.serve
    if source.resolve().server.workers > 1:
        from esb.server.workers.run import supervised as served
    try:
        with logs.to_stderr(os.environ) as log, stdlib_logs.reported(logs.listener(os.environ, log)):
            serving.run(served(source, host, port, log))
    except ConfigError as error:
        click.echo(str(error), err=True)
        sys.exit(CONFIG_INVALID)
    except CannotListen as error:
        raise click.ClickException(str(error)) from error

"""esb deliver: a process that sends what others accept."""

import gc
import os
import sys

import click

from esb.cli.options import CONFIG_INVALID, config_option
from esb.config import ConfigSource
from esb.core.errors import ConfigError


@click.command(short_help="Send what was accepted asynchronously, until TERM or INT.")
@config_option
def deliver(path: str) -> None:
    """Send what was accepted asynchronously, until TERM or INT; then end what is under way. HUP reloads.

    It answers no calls. As many of these processes as are wanted share the work, on any machines that reach the
    database. When ready, it prints one line on stdout: delivering. The log goes to stderr, as that of `esb serve`. Exit
    code 0 after TERM or INT, 78 if the configuration is wrong, or nothing is accepted by it.
    """
    gc.disable()  # until it delivers, as `esb serve`
    from esb.server.deliver import deliver as delivering
    from esb.server.serve import run
    from esb.telemetry.process_log import process_log

    try:
        with process_log(os.environ) as log:
            run(delivering(ConfigSource(path), log))
    except ConfigError as error:
        click.echo(str(error), err=True)
        sys.exit(CONFIG_INVALID)

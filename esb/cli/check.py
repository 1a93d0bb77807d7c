"""esb check, esb components: the mistakes in the configuration, and the components that it declares."""

import sys

import click

from esb.cli.options import config_option
from esb.config import Config, load
from esb.core.errors import ConfigError
from esb.gateway.app import create_app


@click.command(short_help="Find every mistake in the configuration.")
@config_option
def check(path: str) -> None:
    """Build everything the configuration describes, open nothing, and print every mistake.

    Exit code 0 if there is none, 1 otherwise.
    """
    try:
        config = _built(path)
    except ConfigError as error:
        click.echo(str(error))
        sys.exit(1)
    click.echo(f"ok: {len(config.components)} components")


@click.command(short_help="List the declared components.")
@config_option
def components(path: str) -> None:
    """List the declared components: path, methods, plugin, and whether they are switched on. Aliases have lines too."""
    try:
        config = _built(path)
    except ConfigError as error:
        click.echo(str(error), err=True)
        sys.exit(1)
    rows = [("PATH", "METHODS", "PLUGIN", "ACTIVE")]
    for stanza in config.components:
        for address in (stanza.path, *stanza.aliases):
            rows.append((address, ",".join(stanza.methods), stanza.use, "yes" if stanza.active else "no"))
    widths = [max(len(row[column]) for row in rows) for column in range(4)]
    for row in rows:
        click.echo("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())


def _built(path: str) -> Config:
    """Return the configuration if all that it describes can be built. ConfigError with every mistake."""
    config = load(path)
    create_app(config)
    return config

"""esb check, esb components: the mistakes in the configuration, and the components that it declares."""

import sys

import click

from esb.cli.listing import format_option, show
from esb.cli.options import config_option
from esb.config import load
from esb.core.errors import ConfigError
from esb.gateway.app import create_app
from esb.gateway.chains import uses
from esb.gateway.config_warnings import warnings
from esb.introspect.declared import declared


@click.command(short_help="Find every mistake in the configuration.")
@config_option
def check(path: str) -> None:
    """Build everything the configuration describes, open nothing, and print every mistake, and then every warning.

    Exit code 0 if there is no mistake, 1 otherwise.
    """
    config = load(path)
    try:
        declared(config)
    except ConfigError as error:
        click.echo("\n".join(map(str, [error, *warnings(config)])))
        sys.exit(1)
    found = warnings(config)
    for warning in found:
        click.echo(str(warning))
    click.echo(f"ok: {len(config.components)} components{f', {len(found)} warnings' if found else ''}")


@click.command(short_help="List the declared components.")
@config_option
@format_option
def components(path: str, form: str) -> None:
    """List the declared components: path, methods, plugin, and whether they are switched on. Aliases have lines too."""
    config = load(path)
    try:
        create_app(config)
    except ConfigError as error:
        click.echo(str(error), err=True)
        sys.exit(1)
    rows = [
        {
            "path": address,
            "methods": list(stanza.methods),
            "plugin": stanza.use,
            "active": stanza.active,
            "middlewares": [*uses(config, stanza)] or ["none"],
        }
        for stanza in config.components
        for address in (stanza.path, *stanza.aliases)
    ]
    columns = ["path", "methods", "plugin", "active"]
    if any(stanza.middlewares is not None for stanza in config.components):
        columns.append("middlewares")  # else they are the shared chain, which stands in esb.yaml once
    show(rows, columns, form)

"""esb plugins: all that a stanza can use here, and from which distribution it comes."""

from dataclasses import asdict

import click

from esb.cli.listing import format_option, show
from esb.gateway.installed_plugins import installed_plugins

COLUMNS = ("kind", "name", "distribution", "version", "module")


@click.command(short_help="List what `use` can name.")
@format_option
def plugins(form: str) -> None:
    """List what `use` can name in a stanza: components, middlewares and back ends of services.

    Each with its distribution and module. What cannot be used is named below the table, with the reason.
    """
    found = list(installed_plugins())
    rows = [asdict(plugin) for plugin in found]
    if form == "json":
        show(rows, COLUMNS, form)
        return
    for row in rows:
        if row["service"]:
            row["kind"] = f"services.{row['service']}"
    show(rows, COLUMNS, form)
    for plugin in found:
        if plugin.problem:
            click.echo(f"\n{plugin.kind} {plugin.name} of {plugin.distribution} cannot be used: {plugin.problem}")

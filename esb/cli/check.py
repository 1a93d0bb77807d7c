"""esb check, esb components: the mistakes in the configuration, and the components that it declares."""

import sys

import click

from esb.cli.listing import format_option, show
from esb.cli.options import config_option, exit_at_mistakes
from esb.config import ConfigSource, load
from esb.core.errors import ConfigError, Mistake
from esb.gateway.app import create_app
from esb.gateway.chains import uses
from esb.introspect.audit import warnings
from esb.introspect.audit.report import Report
from esb.introspect.declared import declared


@click.command(short_help="Find every mistake in the configuration.")
@config_option
@click.option("--strict", is_flag=True, help="Exit with code 1 for a warning, too; the output is the same.")
@click.option(
    "--format",
    "form",
    type=click.Choice(["text", "json", "sarif"]),
    default="text",
    show_default=True,
    help="Lines for people, JSON for programs, or SARIF 2.1.0 for code scanning.",
)
@click.option(
    "--placeholders",
    is_flag=True,
    help="Take a placeholder for every variable that is not set and every ${file:…} that is not there.",
)
def check(path: str, *, strict: bool, form: str, placeholders: bool) -> None:
    """Build everything the configuration describes, open nothing, and print every mistake, and then every warning.

    A comment `# esb: allow W101`, on the line of a warning or on the one above, accepts it.

    Exit code 0 if there is no mistake, 1 otherwise.
    """
    source = ConfigSource(path)
    config = source.resolve(placeholders=placeholders)
    mistakes: tuple[Mistake, ...] = ()
    try:
        declared(config)
    except ConfigError as error:
        mistakes = error.mistakes
    report = Report(len(config.components), mistakes, warnings(config, source.contents, mistakes))
    click.echo({"text": report.as_text, "json": report.as_json, "sarif": report.as_sarif}[form]())
    if mistakes or (strict and report.warnings):
        sys.exit(1)


@click.command(short_help="List the declared components.")
@config_option
@format_option
def components(path: str, form: str) -> None:
    """List the declared components: path, methods, plugin, and whether they are switched on. Aliases have lines too."""
    config = load(path)
    with exit_at_mistakes(1):
        create_app(config)
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

"""esb docs, esb openapi, esb schema: what the configuration declares, for people and for tools."""

import json
import sys
from pathlib import Path

import click

from esb.cli.options import config_if_any_option, config_option
from esb.config import load
from esb.core.errors import ConfigError
from esb.core.i18n import Catalogues
from esb.introspect.declared import Declared, declared
from esb.introspect.markdown import Page
from esb.introspect.openapi import document
from esb.introspect.yaml_schema import schema_of_esb_yaml


@click.command(short_help="Write the API documents of the declared components.")
@config_option
@click.argument("system", required=False)
@click.argument("component", required=False)
@click.option(
    "--language", type=click.Choice(["en", "zh-hans"]), default="en", show_default=True, help="Of the documents."
)
@click.option(
    "-o", "--output", type=click.Path(file_okay=False), metavar="DIR", help="Write DIR/SYSTEM/COMPONENT.md instead."
)
def docs(path: str, system: str | None, component: str | None, language: str, output: str | None) -> None:
    """Print the API documents of the declared components as Markdown: of all, of a SYSTEM, or of one COMPONENT."""
    wanted = [each for each in _declared(path) if system in (None, each.system) and component in (None, each.name)]
    if not wanted:
        asked = "/".join(filter(None, (system, component)))
        raise click.ClickException(
            f"no such component: {asked}; `esb components` lists them" if asked else "no component is declared"
        )
    translate = Catalogues().translate(language)
    if output is None:
        click.echo("\n".join(Page(each, translate).text() for each in wanted), nl=False)
        return
    for each in wanted:
        file = Path(output, each.system, f"{each.key.partition('.')[2]}.md")
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(Page(each, translate).text(), encoding="utf-8")
        click.echo(str(file))


@click.command(short_help="Print the OpenAPI document of the declared components.")
@config_option
def openapi(path: str) -> None:
    """Print what the gateway answers to, as OpenAPI 3.1 in JSON."""
    _print(document(_declared(path)))


@click.command(short_help="Print the JSON Schema of esb.yaml.")
@config_if_any_option
def schema(path: str) -> None:
    """Print the JSON Schema of esb.yaml, by which an editor completes and checks it.

    Besides all built-ins it knows the plugins that the configuration uses.
    """
    _print(schema_of_esb_yaml(load(path)))


def _declared(path: str) -> list[Declared]:
    try:
        return declared(load(path))
    except ConfigError as error:
        click.echo(str(error), err=True)
        sys.exit(1)


def _print(content: object) -> None:
    click.echo(json.dumps(content, indent=2, ensure_ascii=False))

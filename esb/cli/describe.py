"""esb docs, esb openapi, esb schema: what the configuration declares, for people and for tools."""

import json
from pathlib import Path

import click

from esb.cli.options import config_if_any_option, config_option, exit_at_mistakes
from esb.config import load
from esb.core.i18n import Catalogues
from esb.introspect.declared import Declared, declared
from esb.introspect.markdown import Page, index
from esb.introspect.openapi import document
from esb.introspect.openapi_30 import as_openapi_30
from esb.introspect.yaml_schema import schema_of_esb_yaml


@click.command(short_help="Write the API documents of the declared components.")
@config_option
@click.argument("system", required=False)
@click.argument("component", required=False)
@click.option(
    "--language", type=click.Choice(["en", "zh-hans"]), default="en", show_default=True, help="Of the documents."
)
@click.option(
    "-o",
    "--output",
    type=click.Path(file_okay=False),
    metavar="DIR",
    help="Write DIR/SYSTEM/COMPONENT.md and DIR/README.md instead.",
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
    addresses = [f"{each.system}/{each.key.partition('.')[2]}.md" for each in wanted]
    pages = {address: Page(each, translate).text() for each, address in zip(wanted, addresses, strict=True)}
    pages["README.md"] = index(list(zip(wanted, addresses, strict=True)), translate)
    for address, text in pages.items():
        file = Path(output, address)
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")
        click.echo(str(file))


@click.command(short_help="Print the OpenAPI document of the declared components.")
@config_option
@click.option(
    "--openapi",
    "version",
    type=click.Choice(["3.1", "3.0"]),
    default="3.1",
    show_default=True,
    help="Version of OpenAPI; 3.0 for generators to which 3.1 is new.",
)
def openapi(path: str, version: str) -> None:
    """Print what the gateway answers to, as OpenAPI in JSON: for documentation, and for generators of clients."""
    described = document(_declared(path))
    _print(as_openapi_30(described) if version == "3.0" else described)


@click.command(short_help="Print the JSON Schema of esb.yaml.")
@config_if_any_option
def schema(path: str) -> None:
    """Print the JSON Schema of esb.yaml, by which an editor completes and checks it.

    Besides all built-ins it knows the plugins that the configuration uses.
    """
    _print(schema_of_esb_yaml(load(path)))


def _declared(path: str) -> list[Declared]:
    with exit_at_mistakes(1):
        found = declared(load(path))
    return found


def _print(content: object) -> None:
    click.echo(json.dumps(content, indent=2, ensure_ascii=False))

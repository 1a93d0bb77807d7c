"""`esb import`: what another gateway declares or keeps in its tables, made into what this one has."""

import re
from collections.abc import Sequence
from pathlib import Path

import click
from pydantic import ValidationError

from esb.cli.bkpaas.command import bkpaas
from esb.cli.confapis import Confapis
from esb.cli.stanza_writer import Reference, document
from esb.core.errors import ConfigError
from esb.plugins.http.config import HttpConfig

VARIABLE_ONLY = re.compile(r"(?:https?://)?\$\{[^{}]+\}(?::[0-9]+)?[^${}\s]*")
"""A host that is a variable of esb.yaml, or begins with one."""


@click.group("import")
def import_() -> None:
    """Turn what another gateway has into components and apps."""


import_.add_command(bkpaas)


def _hosts(context: click.Context, option: click.Parameter, given: Sequence[str]) -> dict[str, list[str]]:
    hosts: dict[str, list[str]] = {}
    for pair in given:
        system, equals, url = pair.partition("=")
        if not system or not equals:
            raise click.BadParameter(f"'{pair}' is not of the form SYSTEM=URL")
        if VARIABLE_ONLY.fullmatch(url):
            hosts.setdefault(system, []).append(Reference(url))  # what it stands for is known where the gateway runs
            continue
        try:
            HttpConfig(hosts=(url,), path="/")
        except ValidationError as error:
            raise click.BadParameter(f"'{pair}': {error.errors()[0]['msg'].removeprefix('Value error, ')}") from None
        hosts.setdefault(system, []).append(url)
    return hosts


@import_.command()
@click.argument("files", nargs=-1, required=True, metavar="FILE…")
@click.option(
    "--host",
    "hosts",
    multiple=True,
    callback=_hosts,
    metavar="SYSTEM=URL",
    help="Where the components of a system are sent, once for each host. SYSTEM is sops for /v2/sops/….",
)
@click.option("-o", "--output", type=click.Path(dir_okay=False), help="Write here instead of printing.")
def confapis(files: Sequence[str], hosts: dict[str, list[str]], output: str | None) -> None:
    """Component declarations of BlueKing, which its ESB forwards by YAML.

    What cannot be carried over is named on stderr.
    """
    try:
        declared = Confapis(files)
    except ConfigError as error:
        raise click.ClickException(str(error)) from error
    systems = declared.systems
    if missing := [system for system in systems if system not in hosts]:
        _tell_notes(declared)
        wanted = " ".join(f"--host {system}=URL" for system in missing)
        raise click.UsageError(f"no host is known for: {', '.join(missing)}. Add {wanted}")
    components = declared.components(hosts)
    _tell_notes(declared)
    for system in sorted(set(hosts) - set(systems)):
        click.echo(f"--host {system}: no file declares a component of this system", err=True)
    if not components:
        raise click.ClickException("there is no component to import")
    names = ", ".join(dict.fromkeys(Path(file).name for file in files))
    text = document(f"Written by `esb import confapis` from {names}.", components)
    if output is None:
        click.echo(text.encode(), nl=False)
    else:
        Path(output).write_text(text, encoding="utf-8")


def _tell_notes(declared: Confapis) -> None:
    for note in declared.notes:
        click.echo(str(note), err=True)

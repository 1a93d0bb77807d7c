"""esb apply: the apps of a file, brought into the database."""

import json
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import click

from esb.cli.apply_file import AppliedFile, applied_file
from esb.cli.config import DIFFERS
from esb.cli.listing import format_option
from esb.cli.options import config_option, exit_at_mistakes
from esb.cli.registry_access import actor, warn_of, with_registry

if TYPE_CHECKING:  # its libraries are extras
    from esb.database.registry import Registry
    from esb.database.transaction import Recorded

ERROR = 1
PATIENCE = 600.0
"""Seconds for all of a file: thousands of apps at once, the first time."""


@click.command(short_help="Bring the apps of a file into the database.")
@config_option
@click.option("-f", "--file", "file", required=True, metavar="FILE", help="The apps, as in services.apps of esb.yaml.")
@click.option("--dry-run", is_flag=True, help="Only print what differs: exit code 3 if anything does.")
@click.option("--prune", is_flag=True, help="Take away what the file does not name, and disable apps likewise.")
@format_option
def apply(path: str, file: str, dry_run: bool, prune: bool, form: str) -> None:
    """Bring the apps of FILE into the database, in one transaction, and print what that changes.

    `apps:` is a list as in services.apps, without secrets. What the file does not name stays as it is, unless --prune
    is given. Exit code 0; with --dry-run 0 if nothing differs and 3 if something does; 1 if that cannot be said.
    """
    with exit_at_mistakes(ERROR):
        wanted = applied_file(file)
    if prune and not wanted.apps:
        raise click.ClickException(f"{file} names no app, and with --prune every app would be disabled")
    recorded = with_registry(path, lambda registry: _brought_about(registry, wanted, dry_run=dry_run, prune=prune))
    if form == "json":
        click.echo(json.dumps([each._asdict() for each in recorded], indent=2, ensure_ascii=False))
    else:
        click.echo("\n".join([*map(_line, recorded), _summary(recorded, dry_run=dry_run)]))
    for each in () if dry_run else recorded:
        if each.action == "app.create":
            click.echo(f"{each.app} has no secret yet: esb app secret add {each.app}", err=True)
    warn_of(path, (glob for app in wanted.apps for glob in app.declared().grants))
    sys.exit(DIFFERS if dry_run and recorded else 0)


async def _brought_about(
    registry: "Registry", wanted: AppliedFile, *, dry_run: bool, prune: bool
) -> "Sequence[Recorded]":
    from esb.database.declared_apps import bring_about

    transaction = registry.trying if dry_run else registry.writing
    async with transaction(actor("apply"), PATIENCE) as write:
        await bring_about(write, [app.declared() for app in wanted.apps], prune=prune)
    return write.transaction.recorded


def _line(recorded: "Recorded") -> str:
    sign = "+" if recorded.before is None else "-" if recorded.after is None else "~"
    subject = recorded.action.partition(".")[0]
    parts = [json.dumps(each, ensure_ascii=False) for each in (recorded.before, recorded.after) if each is not None]
    return f"{sign} {recorded.app}: {subject} {' -> '.join(parts)}"


def _summary(recorded: Sequence[Any], *, dry_run: bool) -> str:
    if not recorded:
        return "nothing differs"
    return f"{len(recorded)} differ" if dry_run else f"{len(recorded)} changed"

"""esb config, esb diff: the configuration as it is resolved, and what differs from another or a running one."""

import json
import secrets
import sys
from pathlib import Path
from typing import Any

import click

from esb.cli.exchange import TOKEN, UNIX, admin_answer, admin_token
from esb.cli.listing import format_option
from esb.cli.options import config_option, exit_at_mistakes
from esb.config import load
from esb.config.yaml import written
from esb.core import json_codec
from esb.gateway.app import create_app
from esb.gateway.plugin_reimport import forget
from esb.introspect import config_view
from esb.introspect.config_diff import Difference, differences
from esb.introspect.secret_sources import SecretSources, lacks_fingerprint

DIFFERS = 3
MACHINE = Path("/etc/machine-id")
"""A secret of the machine, from which programs may make keys of their own (machine-id(5))."""
WANTED = "/-/config?secrets=sources"
FOR_ONCE = f"this machine has no {MACHINE}: the fingerprints are of this run alone; set {TOKEN} to compare others"
BY_SOURCE = (
    f"secrets are compared by their sources alone, their values may differ: set {TOKEN} to one of server.admin.tokens"
)


@click.command(short_help="Print the configuration as it is resolved, without secrets.")
@config_option
@format_option
def config(path: str, form: str) -> None:
    """Print what the configuration says once includes, defaults of systems and ${...} are filled in.

    A secret is shown as its source, its place and a fingerprint, which is keyed with ESB_ADMIN_TOKEN, or else for this
    machine: under one key, the same secret has the same fingerprint. So is whatever else comes from ${...}. Exit code
    0, or 1 if the configuration is wrong.
    """
    key = _own_key()
    if key is None:
        click.echo(FOR_ONCE, err=True)
    view = _view_of(path, key or secrets.token_bytes())
    click.echo(json.dumps(view, indent=2, ensure_ascii=False) if form == "json" else written(view), nl=form == "json")


@click.command(short_help="Compare the configuration with another, or with a running gateway's.")
@config_option
@click.option(
    "--against",
    required=True,
    metavar="FILE|URL",
    help="Another esb.yaml; or the admin listener of a running gateway, http://HOST:PORT or unix:/PATH.",
)
@format_option
def diff(path: str, against: str, form: str) -> None:
    """Print what this configuration changes over another one, and what of it only a restart applies.

    ESB_ADMIN_TOKEN is the token for an admin listener. With it the values of secrets are compared by fingerprints that
    only its holders can make; without it their sources are. Exit code 0 if nothing differs, 3 if something does, 1 if
    that cannot be said.
    """
    key: bytes | None = secrets.token_bytes()
    if against.startswith(("http://", "https://", UNIX)):
        key = _token_key()
        other = admin_answer(against, WANTED, "components", "does not tell its configuration")
    else:
        other = _view_of(against, key)
    mine = _view_of(path, key)
    if lacks_fingerprint(other) or lacks_fingerprint(mine):
        click.echo(BY_SOURCE, err=True)
    found = [*differences(other, mine)]
    if form == "json":
        rows = [
            {"key": each.key, "before": each.before, "after": each.after, "restart": each.restart} for each in found
        ]
        click.echo(json.dumps(rows, indent=2, ensure_ascii=False))
    else:
        click.echo("\n".join([*map(_line, found), _summary(found)]))
    sys.exit(DIFFERS if found else 0)


def _token_key() -> bytes | None:
    """Return the key of those fingerprints that the holders of this token share; None without a token."""
    return admin_token().encode("utf-8", "surrogateescape") or None


def _own_key() -> bytes | None:
    """Return the key of this machine's fingerprints; None if it has none."""
    if key := _token_key():
        return key
    try:
        return MACHINE.read_bytes().strip() or None
    except OSError:
        return None


def _view_of(path: str, key: bytes | None) -> Any:
    """Return the view of a file's configuration; exits with 1 and its mistakes if it is wrong."""
    found = load(path)
    with exit_at_mistakes(1):
        create_app(found)
    view = json.loads(json_codec.encode(config_view.rendered(found, SecretSources(key))))
    forget(found.folder)
    return view


def _line(difference: Difference) -> str:
    before, after = (json.dumps(value, ensure_ascii=False) for value in (difference.before, difference.after))
    if difference.before is None:
        text = f"+ {difference.key}: {after}"
    elif difference.after is None:
        text = f"- {difference.key}: {before}"
    else:
        text = f"~ {difference.key}: {before} -> {after}"
    return f"{text} (needs a restart)" if difference.restart else text


def _summary(found: list[Difference]) -> str:
    if not found:
        return "nothing differs"
    restarts = sum(each.restart for each in found)
    return f"{len(found)} differ, {f'{restarts} need a restart' if restarts else 'a reload applies all'}"

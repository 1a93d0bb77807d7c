"""esb grant, esb impersonation: what apps in the database may call, and in whose name."""

from typing import TYPE_CHECKING

import click

from esb.cli.listing import format_option, show
from esb.cli.options import config_option
from esb.cli.registry_access import moment_option, read, warn_of, write
from esb.database.writer import Terms

if TYPE_CHECKING:
    from esb.database.registry import Write

GRANT = ("app", "pattern", "since", "until", "reason", "granted_by", "created")
IMPERSONATION = ("app", "users", "components", "until", "reason", "granted_by", "created")
code_argument = click.argument("code")
until_option = moment_option("--until", "When it ends: a time, a date, or 90d.")
reason_option = click.option("--reason", default="", metavar="TEXT", help="Why it is given.")
components_option = click.option(
    "--components", default="*", show_default=True, metavar="PATTERN", help="For which components."
)


@click.group(short_help="What apps may call.")
def grant() -> None:
    """Give rights to apps in the database, and take them away. A PATTERN is a glob over system.component: `cmsi.*`."""


@grant.command("add", short_help="Let an app call components.")
@config_option
@code_argument
@click.argument("patterns", nargs=-1, required=True, metavar="PATTERN…")
@until_option
@moment_option("--since", "When it begins.  [default: at once]", past=True)
@reason_option
def add_grant(
    path: str, code: str, patterns: tuple[str, ...], until: int | None, since: int | None, reason: str
) -> None:
    """Let an app call what PATTERN matches. A right that it has gets the new terms: another end, another reason."""

    async def writing(writer: "Write") -> list[bool]:
        return [await writer.grants.add(code, pattern, Terms(since, until, reason)) for pattern in patterns]

    for pattern, changed in zip(patterns, write(path, writing), strict=True):
        click.echo(f"{code} may call {pattern}{'' if changed else ', as before'}")
    warn_of(path, patterns)


@grant.command("revoke", short_help="Take away what an app may call.")
@config_option
@code_argument
@click.argument("patterns", nargs=-1, required=True, metavar="PATTERN…")
def revoke_grant(path: str, code: str, patterns: tuple[str, ...]) -> None:
    """Take away the right for exactly this PATTERN, as `esb grant list` shows it."""

    async def writing(writer: "Write") -> None:
        for pattern in patterns:
            await writer.grants.revoke(code, pattern)

    write(path, writing)
    for pattern in patterns:
        click.echo(f"{code} has no longer the right for {pattern}")


@grant.command("list", short_help="List what apps may call.")
@config_option
@click.argument("code", required=False)
@format_option
def list_grants(path: str, code: str | None, form: str) -> None:
    """List the rights of an app, or of all; those that have ended too."""
    show(read(path, lambda views: views.grants(code)), GRANT, form)


@click.group(short_help="In whose name apps may call.")
def impersonation() -> None:
    """Let apps in the database name users without proof. USERS is a glob over user names: `zhang*`."""


@impersonation.command("add", short_help="Let an app name users without proof.")
@config_option
@code_argument
@click.argument("users", nargs=-1, required=True, metavar="USERS…")
@components_option
@until_option
@reason_option
def add_impersonation(
    path: str, code: str, users: tuple[str, ...], components: str, until: int | None, reason: str
) -> None:
    """Let an app call in the name of USERS, by bk_username alone. One that it has gets the new terms."""

    async def writing(writer: "Write") -> list[bool]:
        terms = Terms(until=until, reason=reason)
        return [await writer.impersonations.add(code, each, components, terms) for each in users]

    for each, changed in zip(users, write(path, writing), strict=True):
        click.echo(f"{code} may call {components} in the name of {each}{'' if changed else ', as before'}")
    warn_of(path, [components])


@impersonation.command("revoke", short_help="Let an app no longer name users without proof.")
@config_option
@code_argument
@click.argument("users", nargs=-1, required=True, metavar="USERS…")
@components_option
def revoke_impersonation(path: str, code: str, users: tuple[str, ...], components: str) -> None:
    """Take away the right with exactly these USERS and components, as `esb impersonation list` shows it."""

    async def writing(writer: "Write") -> None:
        for each in users:
            await writer.impersonations.revoke(code, each, components)

    write(path, writing)
    for each in users:
        click.echo(f"{code} may no longer call {components} in the name of {each}")


@impersonation.command("list", short_help="List in whose name apps may call.")
@config_option
@click.argument("code", required=False)
@format_option
def list_impersonations(path: str, code: str | None, form: str) -> None:
    """List the users whom an app may name without proof, or all of them; those whose time has ended too."""
    show(read(path, lambda views: views.impersonations(code)), IMPERSONATION, form)

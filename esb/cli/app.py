"""esb app: the apps in the database of the gateway, from their first secret to their end."""

import json
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import click

from esb.cli.app_people import callback, owner
from esb.cli.app_secret import given_or_new, secret, stdin_option
from esb.cli.listing import format_option, show
from esb.cli.options import config_option
from esb.cli.registry_access import NEVER, ago, moment_option, read, write
from esb.config.yaml import written

if TYPE_CHECKING:
    from esb.database.registry import Write

RIGHTS = ("secrets", "grants", "impersonations")
COLUMNS = ("code", "disabled", "expires", "owners", *RIGHTS, "last_used", "created", "created_by")
USE = ("day", "component", "secret", "calls")
code_argument = click.argument("code")


@click.group(short_help="Apps in the database: their secrets, settings, owners and callbacks.")
def app() -> None:
    """Make, change and show the apps in the database that services.database names.

    Each change is one transaction and leaves a row in the history, `esb history`. Running gateways follow within a
    second. Exit code 0, or 1 with the reason.
    """


app.add_command(secret)
app.add_command(owner)
app.add_command(callback)


@app.command(short_help="Make an app, and print its secret this once.")
@config_option
@code_argument
@click.option("--hash-only", is_flag=True, help="Keep no secret that could be had back: this app never signs.")
@moment_option("--expires", "When it ends: a time, a date, or 90d.")
@click.option("--owner", "owners", multiple=True, metavar="USER", help="Who answers for it; may be repeated.")
@stdin_option
def create(
    path: str, code: str, hash_only: bool, expires: int | None, owners: tuple[str, ...], from_stdin: bool
) -> None:
    """Make an app of this CODE, with one secret, and print that on stdout: it can never be shown again.

    It may call nothing until `esb grant add` says so.
    """
    text = given_or_new(from_stdin)

    async def writing(writer: "Write") -> None:
        await writer.apps.create(code, secrets=[text], hash_only=hash_only, expires=expires)
        for name in owners:
            await writer.owners.add(code, name)

    write(path, writing)
    if not from_stdin:
        click.echo(text)
    click.echo(f"{code} is made; it may call nothing yet: esb grant add {code} PATTERN", err=True)


@app.command("list", short_help="List the apps.")
@config_option
@click.option("--unused", callback=ago, metavar="TIME", help="Only those not used for so long (90d), or since a time.")
@format_option
def list_(path: str, form: str, unused: int | None) -> None:
    """List all apps, each with the number of its secrets and rights, those that have ended included.

    LAST_USED is the last day, in UTC, of a call that proved to be made by the app. An app that is younger than --unused
    says is not listed with it.
    """
    show(read(path, lambda views: views.apps(unused=unused)).apps, COLUMNS, form)


@app.command("show", short_help="Show one app.")
@config_option
@code_argument
@format_option
def show_(path: str, code: str, form: str) -> None:
    """Show all that is known of an app. Of a secret: its number, its last characters, its end; never itself.

    `use` are the components that it has called, and by which secret, as far back as `ledger.history` goes.
    """
    found = read(path, lambda views: views.app_and_use(code))
    click.echo(json.dumps(found, indent=2, ensure_ascii=False) if form == "json" else written(found), nl=form == "json")


@app.command(short_help="List the calls of an app by day.")
@config_option
@code_argument
@click.option(
    "--since", callback=ago, default="30d", show_default=True, metavar="TIME", help="From this day on: a date, or 7d."
)
@format_option
def use(path: str, code: str, since: int, form: str) -> None:
    """List how often an app has called which component by which secret, day by day in UTC, the newest first.

    Calls without a component were refused before they came to one. Gateways write every two seconds.
    """
    show(read(path, lambda views: views.daily_calls(code, since)), USE, form)


@app.command(short_help="Refuse the calls of an app.")
@config_option
@code_argument
def disable(path: str, code: str) -> None:
    """Switch an app off: its calls are refused within a second, whatever it proves. It keeps all that it has."""
    changed = write(path, lambda writer: writer.apps.set_disabled(code, True))
    click.echo(f"{code} is disabled" if changed else f"{code} was disabled already")


@app.command(short_help="Take the calls of an app again.")
@config_option
@code_argument
def enable(path: str, code: str) -> None:
    """Switch an app on again, with all that it had."""
    changed = write(path, lambda writer: writer.apps.set_disabled(code, False))
    click.echo(f"{code} is enabled" if changed else f"{code} was enabled already")


@app.command(short_help="Delete an app.")
@config_option
@code_argument
def delete(path: str, code: str) -> None:
    """Delete an app with its secrets, rights, owners and callbacks. Its history stays.

    On a terminal it asks first. `esb app disable` refuses its calls, and can be undone.
    """
    if sys.stdin.isatty():
        click.confirm(f"delete {code} and its secrets for good?", abort=True, err=True)
    write(path, lambda writer: writer.apps.delete(code))
    click.echo(f"{code} is deleted")


@app.command("set", short_help="Change an app's settings, or its end.")
@config_option
@code_argument
@click.argument("settings", nargs=-1, metavar="[KEY=VALUE]…")
@click.option("--unset", multiple=True, metavar="KEY", help="Take this setting away; may be repeated.")
@moment_option("--expires", "When it ends: a time, a date, 90d, or never.", never=True, past=True)
def set_(path: str, code: str, settings: tuple[str, ...], unset: tuple[str, ...], expires: Any) -> None:
    """Give an app settings, which plugins read as call.app.settings, or an end.

    A VALUE that is JSON is read as such (`limit=20`, `tags=["a"]`), any other is a text. A value whose key sounds
    secret is never shown; everybody on the machine can read a command line, though.
    """
    if not settings and not unset and expires is None:
        raise click.UsageError("nothing to set: give KEY=VALUE, --unset or --expires")
    values = _parsed(settings)

    async def writing(writer: "Write") -> bool:
        changed = False
        if expires is not None:
            changed |= await writer.apps.set_expires(code, None if expires == NEVER else expires)
        if values or unset:
            changed |= await writer.apps.set_settings(code, values, unset)
        return changed

    click.echo(f"{code} is changed" if write(path, writing) else f"{code} is so already")


def _parsed(settings: Sequence[str]) -> dict[str, Any]:
    found = {}
    for each in settings:
        key, equals, value = each.partition("=")
        if not key or not equals:
            raise click.BadParameter("expected KEY=VALUE", param_hint="KEY=VALUE")
        try:
            found[key] = json.loads(value, parse_constant=_refused)
        except ValueError:
            found[key] = value
    return found


def _refused(constant: str) -> None:
    """Refuse what Python's JSON has besides: `NaN` is a text."""
    raise ValueError(constant)

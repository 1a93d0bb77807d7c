"""esb delivery: what became of messages; and deliveries that are cancelled, sent again, held back or forgotten."""

import json
import sys
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any, TypeVar

import click

from esb.cli.database_access import with_database_of
from esb.cli.listing import format_option, show
from esb.cli.options import CONFIG_INVALID, config_option, exit_at_mistakes
from esb.cli.registry_access import actor, ago
from esb.config import Config, ConfigSource, DeliveriesConfig, load, seconds_of
from esb.config.yaml import written
from esb.core import json_codec, json_values
from esb.core.clock import SystemClock
from esb.core.delivery_states import DeliveryState

if TYPE_CHECKING:  # its libraries are extras
    from esb.database.delivery_changes import Hindrance
    from esb.database.engine import Database
    from esb.delivery.ledger import Ledger

T = TypeVar("T")
COLUMNS = ("id", "created", "app", "component", "state", "due", "attempts", "class")
LIMIT = 50
STATES = [state.word for state in DeliveryState]
id_argument = click.argument("identity", metavar="ID")
component_argument = click.argument("component")
yes_option = click.option("--yes", is_flag=True, help="Do not ask.")


@click.group(short_help="Deliveries: what became of messages, and what to do about it.")
def delivery() -> None:
    """Look for deliveries in the database that services.database names, and change them.

    Those who deliver go on meanwhile. Exit code 0, or 1 with the reason.
    """


@delivery.command("list", short_help="List deliveries.")
@config_option
@click.option("--app", metavar="CODE", help="Of this app.")
@click.option("--component", metavar="NAME", help="Of this component: system.component.")
@click.option("--state", type=click.Choice(STATES), help="In this state.")
@click.option("--class", "failure", metavar="CLASS", help="Whose last failure was of this class, such as quota.")
@click.option("--receiver", metavar="NAME", help="For this receiver: a name as its caller gave it, or an address.")
@click.option("--request-id", metavar="ID", help="Of the call with this request id.")
@click.option("--msgid", metavar="ID", help="Whose message the platform knows by this id.")
@click.option("--since", callback=ago, metavar="TIME", help="Accepted from then on: a time, a date, or 7d.")
@click.option("--until", callback=ago, metavar="TIME", help="Accepted before then.")
@click.option(
    "--limit", "most", type=click.IntRange(1, 10_000), default=LIMIT, show_default=True, help="At most so many."
)
@click.option("--cursor", metavar="CURSOR", help="Go on behind the page before, which told this.")
@format_option
def list_(path: str, form: str, state: str | None, **wanted: Any) -> None:
    """List deliveries, the newest first; of a --state alone, those first that are due or have ended last.

    If there are more, the last line on stderr says how to go on.
    """
    chosen = None if state is None else DeliveryState[state.upper()]

    async def look(ledger: "Ledger") -> Any:
        from esb.database.delivery_views import BadCursor, Wanted

        try:
            return await ledger.page(Wanted(state=chosen, **wanted))
        except BadCursor:
            raise click.BadParameter("no page has told this cursor", param_hint="--cursor") from None

    page = _with_ledger(load(path), look)
    show(page.deliveries, COLUMNS, form)
    if page.cursor is not None:
        click.echo(f"more: --cursor {page.cursor}", err=True)


@delivery.command("show", short_help="Show a delivery and what became of each receiver.")
@config_option
@id_argument
@format_option
def show_(path: str, identity: str, form: str) -> None:
    """Show a delivery: its receivers, each with its state; the platform's ids of its messages; and its attempts.

    The content of the message is never shown.
    """

    async def look(ledger: "Ledger") -> Any:
        found = await ledger.delivery(identity)
        return None if found is None else {**found, "attempts": await ledger.attempts(identity)}

    found = _with_ledger(load(path), look)
    if found is None:
        raise click.ClickException(f"there is no delivery {identity}")
    plain = json_codec.decode(json_codec.encode(found, json_values.plain))
    text = json.dumps(plain, indent=2, ensure_ascii=False) if form == "json" else written(plain)
    click.echo(text, nl=form == "json")


@delivery.command(short_help="End deliveries that wait.")
@config_option
@click.argument("identity", metavar="[ID]", required=False)
@click.option("--app", metavar="CODE", help="All of this app.")
@click.option("--component", metavar="NAME", help="All of this component.")
@click.option("--state", type=click.Choice(["queued", "held"]), help="All in this state.")
@yes_option
def cancel(
    path: str, identity: str | None, app: str | None, component: str | None, state: str | None, yes: bool
) -> None:
    """End one delivery that waits, or many: of an app, a component, a state. It tells how many, and asks first.

    One that is being sent just now is left alone: try again in a moment.
    """
    config = load(path)
    if identity is not None:
        if app or component or state:
            raise click.UsageError("either an ID, or --app, --component and --state")
        _require(_with_ledger(config, lambda ledger: ledger.cancel(identity)))
        click.echo(f"{identity} is cancelled")
        return
    if not (app or component or state):
        raise click.UsageError("which ones: give an ID, or --app, --component or --state")
    chosen = None if state is None else DeliveryState[state.upper()]

    async def end(ledger: "Ledger") -> int:
        from esb.database.delivery_changes import Selection

        which = Selection(app, component, chosen)
        number = await ledger.waiting(which)
        _ask(f"{number} deliveries wait; cancel them?", yes=yes)
        return await ledger.cancel_all(which)

    click.echo(f"{_with_ledger(config, end)} deliveries are cancelled")


@delivery.command(short_help="Send a dead delivery again.")
@config_option
@id_argument
@click.option(
    "--receivers",
    type=click.Choice(["failed", "unknown"]),
    default="failed",
    show_default=True,
    help="To whom: the unknown may get it twice.",
)
def redrive(path: str, identity: str, receivers: str) -> None:
    """Send a delivery that is dead again, to those receivers who did not get it. Its content has to be kept still."""
    config = load(path)
    seconds = seconds_of((config.deliveries or DeliveriesConfig()).expires)

    async def again(ledger: "Ledger") -> "Hindrance | None":
        from esb.delivery.ledger import MISSED

        return await ledger.redrive(identity, MISSED[receivers], seconds)

    _require(_with_ledger(config, again))
    click.echo(f"{identity} is queued again")


@delivery.command(short_help="Take the messages of a delivery back.")
@config_option
@id_argument
def recall(path: str, identity: str) -> None:
    """Take back the messages of a delivery where the platform lets it: WeCom within a day. A gateway need not run."""
    source = ConfigSource(path)

    async def take_back(ledger: "Ledger") -> int:
        from esb.cli.recalling import recalled

        return await recalled(source, ledger, identity)

    with exit_at_mistakes(CONFIG_INVALID):
        click.echo(f"{_with_ledger(source.resolve(), take_back)} messages are taken back")


@delivery.command(short_help="Forget a receiver.")
@config_option
@click.option("--receiver", required=True, metavar="NAME", help="A name as callers gave it, or an address.")
@yes_option
def forget(path: str, receiver: str, yes: bool) -> None:
    """Let all deliveries forget this receiver, and delete the contents of what it got. It cannot be undone.

    Deliveries that are still to be sent know it until they have ended; then run it again.
    """
    _ask("forget this receiver for good?", yes=yes)
    ended, waiting = _with_ledger(load(path), lambda ledger: ledger.forget(receiver))
    click.echo(f"{ended} deliveries have forgotten it")
    if waiting:
        raise click.ClickException(
            f"{waiting} deliveries are still to be sent to it; run this again once they have ended"
        )


@delivery.command(short_help="Send nothing more of a component for now.")
@config_option
@component_argument
@click.option("--reason", default="", metavar="TEXT", help="Why, for others who look.")
def hold(path: str, component: str, reason: str) -> None:
    """Hold the deliveries of a COMPONENT (system.component) back, until they are released. Calls go on as before.

    It stands in the configuration, or there are deliveries of it.
    """
    config = load(path)
    declared = [stanza.name for stanza in config.components]
    is_new = _with_ledger(config, lambda ledger: ledger.hold(component, actor().name, reason or "held", declared))
    click.echo(f"{component} is held" if is_new else f"{component} was held already")


@delivery.command(short_help="Send the deliveries of a component again.")
@config_option
@component_argument
def release(path: str, component: str) -> None:
    """End the hold of a COMPONENT and of its credentials, whoever began it. Its deliveries go on within seconds."""
    was_held = _with_ledger(load(path), lambda ledger: ledger.release(component))
    click.echo(f"{component} is released" if was_held else f"{component} was not held")


def _with_ledger(config: Config, work: Callable[["Ledger"], Awaitable[T]]) -> T:
    """Return what `work` does with the ledger in the database of this configuration. Exits as `with_database`."""

    async def with_it(database: "Database") -> T:
        from esb.delivery.ledger import Ledger

        return await work(Ledger(database, SystemClock()))

    return with_database_of(config, with_it)


def _require(hindrance: "Hindrance | None") -> None:
    """Raise a ClickException if something stood in the way."""
    if hindrance is not None:
        from esb.delivery.hindrances import hindered

        raise click.ClickException(str(hindered(hindrance)))


def _ask(question: str, *, yes: bool) -> None:
    """Ask on a terminal; elsewhere only what was answered before goes on."""
    if yes:
        return
    if not sys.stdin.isatty():
        raise click.ClickException(f"{question} Say --yes")
    click.confirm(question, abort=True, err=True)

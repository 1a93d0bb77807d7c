"""`esb import bkpaas`: the plan first, and then, if so asked, the database or files."""

import re
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta, tzinfo
from pathlib import Path
from zoneinfo import ZoneInfo

import click

from esb.cli.bkpaas.apply import apply as write_into_database
from esb.cli.bkpaas.plan import Expired, Plan, plan_of
from esb.cli.bkpaas.plan_views import as_json, as_text
from esb.cli.bkpaas.tables import Tables
from esb.cli.bkpaas.yaml_files import YamlFiles
from esb.cli.listing import format_option
from esb.cli.options import config_if_any_option
from esb.core.errors import GatewayError

CHOICES = "drop|keep|extend=DAYSd"
MOST_DAYS = 3650
UNDECIDED = 1


def _expired(context: click.Context, option: click.Parameter, given: str | None) -> Expired | None:
    if given is None:
        return None
    found = re.fullmatch(r"drop|keep|extend=([1-9][0-9]{0,3})d", given)
    if found is None or int(found[1] or 0) > MOST_DAYS:
        raise click.BadParameter(f"expected drop, keep, or extend=90d with at most {MOST_DAYS} days")
    if found[1]:
        return Expired("extended", timedelta(days=int(found[1])))
    return Expired("dropped" if given == "drop" else "kept")


def _zone(context: click.Context, option: click.Parameter, name: str) -> tzinfo:
    try:
        return UTC if name == "UTC" else ZoneInfo(name)
    except (ValueError, OSError, KeyError):
        raise click.BadParameter("expected a time zone such as Asia/Shanghai") from None


@click.command(short_help="Apps, secrets, rights and components of an old ESB.")
@click.argument("dumps", nargs=-1, required=True, metavar="DUMP…")
@click.option(
    "--expired",
    callback=_expired,
    metavar=CHOICES,
    help="What becomes of rights that are over by their date: they are left out, go on without an end, or go on for so"
    " many days.",
)
@click.option("--board", metavar="NAME", help="The board to take, where the tables have several.")
@click.option(
    "--timezone",
    "zone",
    default="UTC",
    show_default=True,
    callback=_zone,
    metavar="ZONE",
    help="The zone of the times in the tables.",
)
@format_option
@click.option("--apply", is_flag=True, help="Write apps, secrets and rights into services.database.")
@click.option(
    "-o",
    "--output",
    metavar="DIR",
    type=click.Path(file_okay=False, path_type=Path),
    help="Write components into this folder, and apps too unless with --apply; secrets into files of mode 0600.",
)
@config_if_any_option
def bkpaas(
    dumps: Sequence[str],
    expired: Expired | None,
    board: str | None,
    zone: tzinfo,
    form: str,
    apply: bool,
    output: Path | None,
    path: str,
) -> None:
    """Apps, secrets, rights and components of an old ESB, of bk-paas or blueking-apigateway.

    DUMP is what mysqldump wrote, packed by gzip or not, `-` for stdin; or CSV with the names of the columns in its
    first line, one file a table and named after it. Printed is a plan. Nothing is written without --apply or -o, nor
    while there are rights that are over by their date and no --expired.
    """
    with _refusals():
        plan = _planned(dumps, zone, expired, board)
    text = as_json(plan) if form == "json" else "\n".join(as_text(plan))
    click.echo(text.encode("utf-8", "replace").decode())  # a dump in another coding has what cannot be printed
    if plan.undecided:
        click.echo("nothing is written: --expired is needed", err=True)
        sys.exit(UNDECIDED)
    with _refusals():
        if apply:
            click.echo(write_into_database(plan, path), err=form == "json")
        if output is not None:
            written = YamlFiles(plan, output, with_apps=not apply).write()
            click.echo("\n".join(map(str, written)) or f"{output}: nothing to write, all is there", err=form == "json")


def _planned(dumps: Sequence[str], zone: tzinfo, expired: Expired | None, board: str | None) -> Plan:
    tables = Tables(dumps)
    if len(tables.generations) > 1:
        raise click.UsageError("the tables are of two ESBs, bk-paas and blueking-apigateway: import each alone")
    boards = tables.boards
    if board is not None and board not in boards:
        raise click.BadParameter(f"there is {', '.join(boards) or 'none'}", param_hint="--board")
    if board is None and len(boards) > 1:
        raise click.UsageError(f"the tables have several boards: {', '.join(boards)}. Add --board NAME")
    chosen = board or (boards[0] if boards else None)
    if chosen is not None:
        tables.keep_board(chosen)
    return plan_of(tables, zone, datetime.now(UTC), expired, chosen)


@contextmanager
def _refusals() -> Iterator[None]:
    """Tell refusals in a line."""
    try:
        yield
    except GatewayError as error:
        raise click.ClickException(str(error)) from error

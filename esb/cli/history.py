"""esb history: who changed what about the apps in the database, and when."""

import json
from typing import Any

import click

from esb.cli.listing import format_option, show
from esb.cli.options import config_option
from esb.cli.registry_access import ago, read
from esb.database.writer import ACTIONS

COLUMNS = ("at", "actor", "via", "action", "app", "before", "after")
LIMIT = 100


@click.command(short_help="List who changed what about apps.")
@config_option
@click.option("--app", metavar="CODE", help="Of this app, one that is deleted too.")
@click.option("--actor", metavar="NAME", help="By this one, such as cli:root or admin:ops.")
@click.option("--action", type=click.Choice(ACTIONS), metavar="ACTION", help="Of this kind, such as grant.add.")
@click.option(
    "--user", metavar="NAME", help="Also the calls in the name of this user without proof; '*': of all users."
)
@click.option("--since", callback=ago, metavar="TIME", help="Not older than this: a time, a date, or 7d.")
@click.option("--limit", type=click.IntRange(1), default=LIMIT, show_default=True, help="So many rows at most.")
@format_option
def history(path: str, form: str, limit: int, **wanted: Any) -> None:
    """List the changes of apps, the newest first: when, by whom, by which way, and what was before and after.

    No secret stands in it. A row of --user tells how often an app has called a component in an hour in the user's name.
    """
    rows = read(path, lambda views: views.history(limit=limit, **wanted)).rows
    if form == "text":
        rows = [{**row, "before": _short(row["before"]), "after": _short(row["after"])} for row in rows]
    show(rows, COLUMNS, form)


def _short(view: Any) -> str:
    return "-" if view is None else json.dumps(view, ensure_ascii=False)

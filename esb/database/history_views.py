"""The history as those read it who ask who has changed what: page by page, the newest first.

Rows come from two tables: what was written, and, where they are wanted, calls in somebody's name. A cursor holds how
far the pages before it have come in each, so that the last page costs as much as the first.
"""

import base64
import json
from heapq import merge
from itertools import islice
from typing import Annotated, Any, NamedTuple

from pydantic import Field, TypeAdapter
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from esb.core.messages import template
from esb.database import use_views
from esb.database.accepted import can_be_found
from esb.database.history import HISTORY
from esb.database.registry_errors import NotAcceptable
from esb.database.transaction import app_row, moment
from esb.database.use import IMPERSONATED_USE
from esb.database.use_views import CallsKey

View = dict[str, Any]
BAD_CURSOR = template("cursor: no page has told this one")


class HistoryPage(NamedTuple):
    """Rows of the history, the newest first, and the cursor of the next page, None if there is none."""

    rows: list[View]
    cursor: str | None


class _Position(NamedTuple):
    """The last rows that were shown: the number of one that was written, and the key of calls; None: none yet."""

    written: Annotated[int, Field(ge=0, lt=2**63)] | None
    calls: CallsKey | None


BEGINNING = _Position(None, None)


class _Row(NamedTuple):
    at: str
    position: int | CallsKey
    view: View


class HistoryWanted(NamedTuple):
    """The rows that are wanted: all that is given has to fit, None is not asked.

    `since`: milliseconds since 1970; `user`: with the calls in the name of this user, or of everybody if it is "*",
    unless only those are wanted who write, or what they did. Everybody is meant, too, where only such calls are wanted.
    """

    app: str | None = None
    actor: str | None = None
    action: str | None = None
    user: str | None = None
    since: int | None = None
    cursor: str | None = None
    limit: int = 100


async def history_page(connection: AsyncConnection, wanted: HistoryWanted) -> HistoryPage:
    """Return the newest rows that fit, behind those of the cursor. AppUnknown, NotAcceptable for another's cursor."""
    position = BEGINNING if wanted.cursor is None else _position_of(wanted.cursor)
    if wanted.app is not None and not can_be_found(wanted.app):
        await app_row(connection, wanted.app)  # which says that there is none
    if not all(map(can_be_found, filter(None, (wanted.actor, wanted.action, wanted.user)))):
        return HistoryPage([], None)
    sources = [await _written(connection, wanted, position.written)]
    user = wanted.user
    if user is None and wanted.action == use_views.IMPERSONATE:
        user = use_views.ANYBODY
    if user is not None and wanted.actor is None and wanted.action in {None, use_views.IMPERSONATE}:
        sources.append(await _calls(connection, wanted, user, position.calls))
    newest = list(islice(merge(*sources, key=lambda row: row.at, reverse=True), wanted.limit + 1))
    shown = newest[: wanted.limit]
    if wanted.app is not None and not shown:
        await _require_known(connection, wanted.app)
    cursor = _cursor(position, shown) if len(newest) > len(shown) else None
    return HistoryPage([row.view for row in shown], cursor)


async def _written(connection: AsyncConnection, wanted: HistoryWanted, behind: int | None) -> list[_Row]:
    query = select(HISTORY).order_by(HISTORY.c.id.desc()).limit(wanted.limit + 1)
    for column, value in (
        (HISTORY.c.app, wanted.app),
        (HISTORY.c.actor, wanted.actor),
        (HISTORY.c.action, wanted.action),
    ):
        query = query if value is None else query.where(column == value)
    query = query if wanted.since is None else query.where(HISTORY.c.at >= wanted.since)
    query = query if behind is None else query.where(HISTORY.c.id < behind)
    return [_Row(view["at"], number, view) for number, view in map(_view, await connection.execute(query))]


async def _calls(connection: AsyncConnection, wanted: HistoryWanted, user: str, behind: CallsKey | None) -> list[_Row]:
    found = await use_views.impersonated(
        connection, wanted.limit + 1, user=user, app=wanted.app, since=wanted.since, behind=behind
    )
    return [_Row(view["at"], key, view) for key, view in found]


def _view(row: Any) -> tuple[int, View]:
    view = {
        "at": moment(row.at),
        "actor": row.actor,
        "via": row.via,
        "action": row.action,
        "app": row.app,
        "before": json.loads(row.before),
        "after": json.loads(row.after),
    }
    return row.id, view


async def _require_known(connection: AsyncConnection, app: str) -> None:
    """Raise AppUnknown for an app that is nowhere: an empty history would say that it has none."""
    for column in (HISTORY.c.app, IMPERSONATED_USE.c.app):
        if (await connection.execute(select(column).where(column == app).limit(1))).first() is not None:
            return
    await app_row(connection, app)


def _cursor(before: _Position, shown: list[_Row]) -> str:
    written, calls = before
    for row in shown:
        if isinstance(row.position, CallsKey):
            calls = row.position
        else:
            written = row.position
    return base64.urlsafe_b64encode(json.dumps([written, calls]).encode()).decode().rstrip("=")


def _position_of(cursor: str) -> _Position:
    """Return how far the pages before have come. NotAcceptable for a cursor that no page has told."""
    try:
        text = base64.urlsafe_b64decode(cursor.encode() + b"=" * (-len(cursor) % 4))
        position = TypeAdapter(_Position).validate_json(text)
    except ValueError:  # a ValidationError is one
        raise NotAcceptable(BAD_CURSOR) from None
    if position.calls is not None and not all(map(can_be_found, position.calls[1:])):
        raise NotAcceptable(BAD_CURSOR)
    return position

"""The end of rows that are too old: of use, history and idempotency keys, and of changes that every reader has seen."""

from sqlalchemy import ColumnElement, and_, bindparam, delete, select
from sqlalchemy.ext.asyncio import AsyncConnection

from esb.database.changes import CHANGE, CHANGE_COUNTER
from esb.database.deliveries import KEPT_KEY
from esb.database.history import HISTORY
from esb.database.use import DAY_USE, IMPERSONATED_USE
from esb.database.use_counts import DAY, HOURS

KEPT_CHANGE_DAYS = 2
"""Days for which it is kept what has changed. A reader that was away for longer reads all apps again."""
FORGOTTEN_AT_ONCE = 500
"""Rows of a table that one transaction deletes at most: others wait for it."""
CLOCKS_APART = 3600.0
"""Seconds by which the clock of a gateway may be ahead of the database's, which says when a key ends."""


async def forget(connection: AsyncConnection, now: float, days: int) -> bool:
    """Delete some of the rows that are too old. Return True if there may be more.

    `now`: seconds since 1970; `days`: those for which use and history are kept.
    """
    today = int(now // DAY)
    more = False
    for table, is_old in (
        (DAY_USE, DAY_USE.c.day < today - days),
        (IMPERSONATED_USE, IMPERSONATED_USE.c.hour < (today - days) * HOURS),
        (HISTORY, HISTORY.c.at < (today - days) * DAY * 1000),
        (KEPT_KEY, KEPT_KEY.c.expires < int((now - CLOCKS_APART) * 1000)),
        (CHANGE, _is_no_news(today - KEPT_CHANGE_DAYS)),
    ):
        key = [*table.primary_key.columns]
        old = await connection.execute(select(*key).where(is_old).limit(FORGOTTEN_AT_ONCE))
        rows = [{f"old_{column.name}": value for column, value in zip(key, row, strict=True)} for row in sorted(old)]
        if rows:
            each = and_(*(column == bindparam(f"old_{column.name}") for column in key))
            await connection.execute(delete(table).where(each, is_old), rows)  # a key may be a new one meanwhile
        more = more or len(rows) == FORGOTTEN_AT_ONCE
    return more


def _is_no_news(day: int) -> ColumnElement[bool]:
    """Return the condition of changes before this day but for the last one, by which readers know how far they are."""
    newest = select(CHANGE_COUNTER.c.number).scalar_subquery()
    return and_(CHANGE.c.at < day * DAY * 1000, CHANGE.c.number < newest)

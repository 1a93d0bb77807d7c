"""Use as listings and the history show it: JSON, days as 2026-12-31 and hours as RFC 3339."""

from typing import Annotated, Any, NamedTuple

from pydantic import Field
from sqlalchemy import ColumnElement, Row, and_, case, exists, func, or_, select, tuple_
from sqlalchemy.ext.asyncio import AsyncConnection

from esb.core.clock import utc_text
from esb.database.apps import APP
from esb.database.use import DAY_USE, IMPERSONATED_USE
from esb.database.use_counts import DAY, HOUR
from esb.database.writer import Impersonate

DAY_MILLISECONDS = DAY * 1000
HOUR_MILLISECONDS = HOUR * 1000
RECENT_DAYS = 30
"""Days whose calls a listing adds up: a right that is used once a month is seen in it."""
ANYBODY = "*"
"""The word for all users, where calls in somebody's name are asked for."""
IMPERSONATE: Impersonate = "impersonate"
"""The action of these calls, in the history."""


class CallsKey(NamedTuple):
    """The key of all calls of an app to a component within an hour in somebody's name, in the order of the history."""

    hour: Annotated[int, Field(ge=0, lt=2**31)]
    app: str
    username: str
    component: str


async def last_days(connection: AsyncConnection, which: ColumnElement[bool]) -> dict[str, int | None]:
    """Return the last day of use of these apps, since 1970; None for one that was never used."""
    use = DAY_USE.c
    last = select(use.day).where(use.app == APP.c.code).order_by(use.day.desc()).limit(1)  # MySQL reads all for a max()
    rows = await connection.execute(select(APP.c.code, last.scalar_subquery()).where(which))
    return {row[0]: row[1] for row in rows}


async def last_days_of_secrets(connection: AsyncConnection, app: str) -> dict[int, int]:
    """Return the last day of use of each secret of this app, by its number; none for one that was never used."""
    last = select(DAY_USE.c.secret, func.max(DAY_USE.c.day)).where(DAY_USE.c.app == app).group_by(DAY_USE.c.secret)
    return {row[0]: row[1] for row in await connection.execute(last)}


def is_unused(since: int) -> ColumnElement[bool]:
    """Return the condition on apps that were there at `since`, in milliseconds, and not used from its day on."""
    used = exists().where(DAY_USE.c.app == APP.c.code, DAY_USE.c.day >= since // DAY_MILLISECONDS)
    return and_(APP.c.created < since, ~used)


async def used_components(connection: AsyncConnection, app: str, now: int) -> list[dict[str, Any]]:
    """Return the components that this app has called, by which secret, when last, and how often of late."""
    recent = case((DAY_USE.c.day > now // DAY_MILLISECONDS - RECENT_DAYS, DAY_USE.c.calls), else_=0)
    key = (DAY_USE.c.component, DAY_USE.c.secret)
    rows = await connection.execute(
        select(*key, func.max(DAY_USE.c.day), func.sum(recent))
        .where(DAY_USE.c.app == app, DAY_USE.c.component != "")
        .group_by(*key)
        .order_by(*key)
    )
    return [
        {"component": component, "secret": secret or None, "last_used": day(last), "calls_30d": int(calls)}
        for component, secret, last, calls in rows
    ]


async def daily_calls(connection: AsyncConnection, app: str, since: int) -> list[dict[str, Any]]:
    """Return the calls of this app on each day from that of this moment on, the newest first."""
    use = DAY_USE.c
    rows = await connection.execute(
        select(use.day, use.component, use.secret, use.calls)
        .where(use.app == app, use.day >= since // DAY_MILLISECONDS)
        .order_by(use.day.desc(), use.component, use.secret)
    )
    return [
        {"day": day(row.day), "component": row.component or None, "secret": row.secret or None, "calls": row.calls}
        for row in rows
    ]


async def impersonated(
    connection: AsyncConnection,
    limit: int,
    *,
    user: str,
    app: str | None = None,
    since: int | None = None,
    behind: CallsKey | None = None,
) -> list[tuple[CallsKey, dict[str, Any]]]:
    """Return the newest calls in the name of this user, or of ANYBODY, newest first, as rows of the history.

    One row tells of all calls of an app to a component within an hour. `since`: milliseconds since 1970; `behind`: the
    last one of the page before.
    """
    use = IMPERSONATED_USE.c
    wanted = select(IMPERSONATED_USE).order_by(use.hour.desc(), use.app, use.username, use.component).limit(limit)
    if user != ANYBODY:
        wanted = wanted.where(use.username == user)
    if app is not None:
        wanted = wanted.where(use.app == app)
    if since is not None:
        wanted = wanted.where(use.hour >= since // HOUR_MILLISECONDS)
    if behind is not None:
        later = and_(use.hour == behind.hour, tuple_(use.app, use.username, use.component) > tuple_(*behind[1:]))
        wanted = wanted.where(or_(use.hour < behind.hour, later))
    rows = await connection.execute(wanted)
    return [(CallsKey(row.hour, row.app, row.username, row.component), _impersonated(row)) for row in rows]


def _impersonated(row: Row[Any]) -> dict[str, Any]:
    return {
        "at": utc_text(row.hour * HOUR),
        "actor": f"app:{row.app}",
        "via": "call",
        "action": IMPERSONATE,
        "app": row.app,
        "before": None,
        "after": {"user": row.username, "component": row.component, "calls": row.calls},
    }


def day(number: int | None) -> str | None:
    """Return a day as 2026-12-31; None for never."""
    return None if number is None else utc_text(number * DAY)[:10]

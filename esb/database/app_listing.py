"""Apps in the order of their codes: all, or page by page those of which somebody remembers something."""

from collections.abc import Sequence
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Row, and_, exists, func, or_, select
from sqlalchemy.ext.asyncio import AsyncConnection

from esb.database import use_views
from esb.database.accepted import is_storable
from esb.database.apps import APP, APP_GRANT, APP_OWNER, APP_SECRET, IMPERSONATION
from esb.database.metadata import now
from esb.database.registry_errors import NotAcceptable
from esb.database.transaction import moment
from esb.database.writer import AppState


class AppsPage(NamedTuple):
    """Apps, each with how many secrets and rights it has; and the cursor of the next page, None if there is none."""

    apps: list[dict[str, Any]]
    cursor: str | None


class AppsWanted(NamedTuple):
    """The apps that are wanted: all that is given has to fit, None is not asked.

    `search`: a part of the code, or of an owner's name, in any case; `unused`: they were there then, in milliseconds
    since 1970, and were not used from that day on; `cursor`: the last app of the page before; `limit`: None for all.
    """

    search: str | None = None
    state: AppState | None = None
    unused: int | None = None
    cursor: str | None = None
    limit: int | None = None


async def apps_page(connection: AsyncConnection, wanted: AppsWanted) -> AppsPage:
    """Return the apps that fit. NotAcceptable for a text that no database takes."""
    if not all(map(is_storable, filter(None, (wanted.search, wanted.cursor)))):
        raise NotAcceptable("search and cursor: some characters cannot be looked for")
    query = select(APP).where(*_conditions(wanted)).order_by(APP.c.code)
    rows = (await connection.execute(query.limit(None if wanted.limit is None else wanted.limit + 1))).all()
    shown = rows[: wanted.limit]
    apps = await _listed(connection, shown) if shown else []
    return AppsPage(apps, shown[-1].code if len(rows) > len(shown) else None)


def _conditions(wanted: AppsWanted) -> list[ColumnElement[bool]]:
    conditions: list[ColumnElement[bool]] = []
    if wanted.search:
        owned = exists().where(
            APP_OWNER.c.app == APP.c.code, APP_OWNER.c.username.icontains(wanted.search, autoescape=True)
        )
        conditions.append(or_(APP.c.code.icontains(wanted.search, autoescape=True), owned))
    if wanted.state is not None:
        ended = APP.c.expires.is_not(None) & (APP.c.expires <= now())
        states = {"disabled": APP.c.disabled, "expired": ended, "active": and_(~APP.c.disabled, ~ended)}
        conditions.append(states[wanted.state])
    if wanted.unused is not None:
        conditions.append(use_views.is_unused(wanted.unused))
    if wanted.cursor is not None:
        conditions.append(APP.c.code > wanted.cursor)
    return conditions


async def _listed(connection: AsyncConnection, rows: Sequence[Row[Any]]) -> list[dict[str, Any]]:
    """Return these apps, which follow each other, as listings have them."""
    first, last = rows[0].code, rows[-1].code
    of_these = APP_OWNER.c.app.between(first, last)
    owners: dict[str, list[str]] = {}
    for code, username in await connection.execute(select(APP_OWNER).where(of_these).order_by(APP_OWNER.c.username)):
        owners.setdefault(code, []).append(username)
    counts = {}
    for table in (APP_SECRET, APP_GRANT, IMPERSONATION):
        counted = select(table.c.app, func.count()).where(table.c.app.between(first, last)).group_by(table.c.app)
        counts[table] = {row[0]: row[1] for row in await connection.execute(counted)}
    used = await use_views.last_days(connection, APP.c.code.between(first, last))
    return [
        {
            "code": row.code,
            "disabled": row.disabled,
            "expires": moment(row.expires),
            "owners": owners.get(row.code, []),
            "secrets": counts[APP_SECRET].get(row.code, 0),
            "grants": counts[APP_GRANT].get(row.code, 0),
            "impersonations": counts[IMPERSONATION].get(row.code, 0),
            "last_used": use_views.day(used[row.code]),
            "created": moment(row.created),
            "created_by": row.created_by,
        }
        for row in rows
    ]

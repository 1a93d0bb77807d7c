"""Apps as workers read them: all of them, or a few again, each as compact as a worker that keeps thousands needs it.

Rows are plain tuples: the collector of garbage forgets those, and the same text stands in memory once.
"""

from collections.abc import AsyncIterator, Collection, Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Column, Select, select
from sqlalchemy.ext.asyncio import AsyncConnection

from esb.database.apps import APP, APP_CALLBACK, APP_GRANT, APP_OWNER, APP_SECRET, IMPERSONATION
from esb.database.changes import Mark, changed_since, holds, newest_mark
from esb.database.engine import Database

AT_ONCE = 1000
"""Rows that are fetched together: between them, the loop turns."""
WHOLE_SECONDS = 120.0
"""The time that all apps may take: on a busy machine, thousands of them take longer than any other reading."""
MOST_NAMED = 500
"""The most apps that one statement names; if more are asked for, all are read."""

SecretRow = tuple[int, str, bytes | None, int | None]
"""Number, digest, what is sealed, and end."""
GrantRow = tuple[str, int | None, int | None]
"""Pattern, begin and end."""
ImpersonationRow = tuple[str, str, int | None]
"""Users, components and end."""


@dataclass(frozen=True, slots=True)
class AppRows:
    """All rows of one app. Moments are in milliseconds since 1970; `settings` is JSON."""

    code: str
    disabled: bool
    hash_only: bool
    expires: int | None
    settings: str
    secrets: tuple[SecretRow, ...]
    grants: tuple[GrantRow, ...]
    impersonations: tuple[ImpersonationRow, ...]
    owners: tuple[str, ...]
    callbacks: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Difference:
    """Changes that a reader of apps does not know yet: all `apps`, or those that have `changed`; `mark` is the last.

    `changed`: codes, also of apps that are no more; None: all that the reader knows may be wrong.
    """

    apps: Mapping[str, AppRows]
    changed: Collection[str] | None
    mark: Mark


async def difference(database: Database, known: Mark | None) -> Difference | None:
    """Return what differs from the apps as of the change `known`, None if nothing does. DatabaseAway.

    All apps come to whoever knows none, and where that change is none of the database's: an older copy was put back.
    """
    async with database.reading() as connection:
        mark = await newest_mark(connection)
        if mark == known:
            return None
        if known is not None and known.number < mark.number and await holds(connection, known):
            changed = await changed_since(connection, known.number)
            return Difference(await _read(connection, changed), changed, mark)
    async with database.reading(WHOLE_SECONDS) as connection:  # what is newer than the mark comes once more
        return Difference(await _read(connection, None), None, mark)


async def one(database: Database, code: str) -> AppRows | None:
    """Return the app of this code; None if there is none. DatabaseAway."""
    async with database.reading() as connection:
        return (await _read(connection, [code])).get(code)


async def _read(connection: AsyncConnection, codes: Collection[str] | None) -> dict[str, AppRows]:
    """Return the apps of these codes, as far as there are any; None: all."""
    if codes is not None and len(codes) > MOST_NAMED:
        found = await _read(connection, None)
        return {code: found[code] for code in codes if code in found}
    secret, grant, right = APP_SECRET.c, APP_GRANT.c, IMPERSONATION.c
    secrets = await _by_app(connection, (secret.app, secret.id, secret.digest, secret.sealed, secret.not_after), codes)
    grants = await _by_app(connection, (grant.app, grant.pattern, grant.not_before, grant.not_after), codes)
    impersonations = await _by_app(connection, (right.app, right.users, right.components, right.not_after), codes)
    owners = await _by_app(connection, (APP_OWNER.c.app, APP_OWNER.c.username), codes)
    callbacks = await _by_app(connection, (APP_CALLBACK.c.app, APP_CALLBACK.c.name, APP_CALLBACK.c.url), codes)
    apps: dict[str, AppRows] = {}
    wanted = select(APP.c.code, APP.c.disabled, APP.c.hash_only, APP.c.expires, APP.c.settings)
    async for rows in _pages(connection, _of(wanted, APP.c.code, codes)):
        for row in rows:
            code, disabled, hash_only, expires, settings = row
            apps[code] = AppRows(
                code,
                disabled,
                hash_only,
                expires,
                settings,
                secrets.get(code, ()),
                grants.get(code, ()),
                impersonations.get(code, ()),
                tuple(name for (name,) in owners.get(code, ())),
                callbacks.get(code, ()),
            )
    return apps


async def _by_app(
    connection: AsyncConnection, columns: tuple[Column[Any], ...], codes: Collection[str] | None
) -> Mapping[str, tuple[Any, ...]]:
    """Return these columns by app, which is the first of them."""
    found: dict[str, list[tuple[Any, ...]]] = {}
    same: dict[Any, Any] = {}  # of the first of the others: patterns recur
    statement = _of(select(*columns), columns[0], codes).order_by(*columns[:2])
    async for rows in _pages(connection, statement):
        for app, first, *others in rows:
            found.setdefault(app, []).append((same.setdefault(first, first), *others))
    return {app: tuple(rows) for app, rows in found.items()}


def _of(statement: Select[Any], app: Column[Any], codes: Collection[str] | None) -> Select[Any]:
    return statement if codes is None else statement.where(app.in_(codes))


async def _pages(connection: AsyncConnection, statement: Select[Any]) -> AsyncIterator[Any]:
    result = await connection.stream(statement.execution_options(yield_per=AT_ONCE))
    async for rows in result.partitions():
        yield rows

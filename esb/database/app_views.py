"""Apps as listings and the history show them: JSON, times as RFC 3339, and nothing that is or sounds secret."""

import json
from collections.abc import Mapping
from typing import Any

from sqlalchemy import Column, Table, select
from sqlalchemy.ext.asyncio import AsyncConnection

from esb.core.redaction import REDACTED, sounds_secret
from esb.database import use_views
from esb.database.app_listing import AppsPage, AppsWanted, apps_page
from esb.database.apps import APP_CALLBACK, APP_GRANT, APP_OWNER, APP_SECRET, IMPERSONATION
from esb.database.deliveries import CALLBACK_OFF
from esb.database.history_views import HistoryPage, HistoryWanted, history_page
from esb.database.metadata import now
from esb.database.transaction import app_row, moment


class AppViews:
    """The apps of a database, read in one transaction."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def apps(self, **wanted: Any) -> AppsPage:
        """Return apps in the order of their codes, as the fields of AppsWanted say. NotAcceptable."""
        return await apps_page(self._connection, AppsWanted(**wanted))

    async def app(self, code: str) -> dict[str, Any]:
        """Return all that is known of an app. AppUnknown."""
        found = await app_row(self._connection, code)
        owners = select(APP_OWNER.c.username).where(APP_OWNER.c.app == code).order_by(APP_OWNER.c.username)
        callbacks = select(APP_CALLBACK).where(APP_CALLBACK.c.app == code).order_by(APP_CALLBACK.c.name)
        switched_off = select(CALLBACK_OFF.c.callback, CALLBACK_OFF.c.since).where(CALLBACK_OFF.c.app == code)
        off = {row.callback: row.since for row in await self._connection.execute(switched_off)}
        return {
            "code": code,
            **properties(found.disabled, found.hash_only, found.expires, json.loads(found.settings)),
            "created": moment(found.created),
            "created_by": found.created_by,
            "owners": list((await self._connection.execute(owners)).scalars()),
            "callbacks": [
                callback(row.name, row.url) | ({"off": moment(off[row.name])} if row.name in off else {})
                for row in await self._connection.execute(callbacks)
            ],
            "secrets": await self.secrets(code),
            "grants": await self.grants(code),
            "impersonations": await self.impersonations(code),
        }

    async def app_and_use(self, code: str) -> dict[str, Any]:
        """Return the same, and when and how often the app has called which components. AppUnknown."""
        app, secrets = await self.app(code), await use_views.last_days_of_secrets(self._connection, code)
        for secret in app["secrets"]:
            secret["last_used"] = use_views.day(secrets.get(secret["id"]))
        use = await use_views.used_components(self._connection, code, now())
        return {**app, "last_used": use_views.day(max(secrets.values(), default=None)), "use": use}

    async def daily_calls(self, code: str, since: int) -> list[dict[str, Any]]:
        """Return the calls of an app by day, the newest first. `since`: milliseconds since 1970. AppUnknown."""
        await app_row(self._connection, code)
        return await use_views.daily_calls(self._connection, code, since)

    async def secrets(self, code: str) -> list[dict[str, Any]]:
        """Return the secrets of an app, oldest first: what is known of them, and never one itself."""
        rows = await self._connection.execute(
            select(APP_SECRET).where(APP_SECRET.c.app == code).order_by(APP_SECRET.c.id)
        )
        return [
            {
                "id": row.id,
                "hint": row.hint,
                "created": moment(row.created),
                "created_by": row.created_by,
                "until": moment(row.not_after),
            }
            for row in rows
        ]

    async def grants(self, code: str | None = None) -> list[dict[str, Any]]:
        """Return the grants of an app, or of all. AppUnknown."""
        return await self._rights(APP_GRANT, code, APP_GRANT.c.pattern)

    async def impersonations(self, code: str | None = None) -> list[dict[str, Any]]:
        """Return the impersonations of an app, or of all. AppUnknown."""
        return await self._rights(IMPERSONATION, code, IMPERSONATION.c.users, IMPERSONATION.c.components)

    async def history(self, **wanted: Any) -> HistoryPage:
        """Return the newest rows of the history, as the fields of HistoryWanted say. AppUnknown, NotAcceptable."""
        return await history_page(self._connection, HistoryWanted(**wanted))

    async def _rights(self, table: Table, code: str | None, *order: Column[Any]) -> list[dict[str, Any]]:
        wanted = select(table).order_by(table.c.app, *order)
        if code is not None:
            await app_row(self._connection, code)  # an empty list would say that it has none
            wanted = wanted.where(table.c.app == code)
        return [{"app": row.app, **right(row)} for row in await self._connection.execute(wanted)]


def properties(disabled: bool, hash_only: bool, expires: int | None, settings: Mapping[str, Any]) -> dict[str, Any]:
    """Return what an app itself is."""
    return {
        "disabled": disabled,
        "hash_only": hash_only,
        "expires": moment(expires),
        "settings": masked(settings),
    }


def right(row: Any) -> dict[str, Any]:
    """Return a grant or an impersonation, a row of either table, and who gave it when."""
    return {"id": row.id, **terms(row._mapping), "granted_by": row.granted_by, "created": moment(row.created)}


def terms(row: Mapping[Any, Any]) -> dict[str, Any]:
    """Return what a grant or an impersonation gives, from when to when and why: what the history tells of it."""
    what = ("pattern",) if "pattern" in row else ("users", "components")
    since = {"since": moment(row["not_before"])} if "not_before" in row else {}
    return {**{name: row[name] for name in what}, **since, "until": moment(row["not_after"]), "reason": row["reason"]}


def callback(name: str, url: str) -> dict[str, Any]:
    """Return a callback; a query of its address may be a key, and is not shown."""
    address, question, _ = url.partition("?")
    return {"name": name, "url": f"{address}?{REDACTED}" if question else address}


def masked(value: Any) -> Any:
    """Return a value of JSON without what stands under a name that sounds secret."""
    if isinstance(value, Mapping):
        return {key: REDACTED if sounds_secret(key) else masked(each) for key, each in value.items()}
    return [masked(each) for each in value] if isinstance(value, list | tuple) else value

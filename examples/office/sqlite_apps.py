"""use: sqlite_apps:SqliteApps: the apps of a SQLite database, asked anew for each call."""

import asyncio
import hmac
import json
import sqlite3
from collections.abc import Sequence
from contextlib import closing
from typing import Any

from esb import App, AuthenticationError, Call, ConfigModel, Service, UpstreamError

FIND = "SELECT secret, impersonate, settings FROM apps WHERE code = ?"


class Config(ConfigModel):
    """Where the database is, which has a table apps (code, secret, impersonate, settings), the last two in JSON."""

    path: str


class SqliteApps(Service[Config]):
    """Opens the database for each question, in a thread: no connection is shared, and the loop is never blocked."""

    service = "apps"

    async def open(self) -> None:
        await self._ask("SELECT 1 FROM apps")

    async def verify(self, call: Call, code: str, secret: str) -> App:
        found, app = await self._find(code)
        if not hmac.compare_digest(secret.encode(), found):
            raise AuthenticationError("the secret of app {app} is wrong", app=code)
        return app

    async def secrets(self, call: Call, code: str) -> Sequence[bytes]:
        return [(await self._find(code))[0]]

    async def rights(self, call: Call, code: str) -> App:
        return (await self._find(code))[1]

    async def _find(self, code: str) -> tuple[bytes, App]:
        row = await self._ask(FIND, code)
        if row is None:
            raise AuthenticationError("there is no app {app}", app=code)
        secret, impersonate, settings = row
        return secret.encode(), App(code, tuple(json.loads(impersonate)), settings=json.loads(settings))

    async def _ask(self, query: str, *values: str) -> Any:
        def ask() -> Any:
            with closing(sqlite3.connect(f"file:{self.config.path}?mode=ro", uri=True)) as database:
                return database.execute(query, values).fetchone()

        try:
            return await asyncio.to_thread(ask)
        except sqlite3.Error as error:
            raise UpstreamError("sqlite", "apps", "the database cannot be read", sent=False) from error

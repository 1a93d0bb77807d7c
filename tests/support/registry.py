"""A registry over a database of its own, and what stands in it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from sqlalchemy import insert, select

from esb.database.changes import CHANGE, newest
from esb.database.deliveries import CALLBACK_OFF
from esb.database.engine import Database
from esb.database.registry import Actor, Registry, Write

ROOT = Actor("cli:root", "cli")
NOW = 1_800_000_000_000
"""The time of day at which all is written, in milliseconds since 1970: 2027-01-15T08:00:00Z."""
DAY = 86_400_000


@dataclass
class Registered:
    """A registry, and what is behind it."""

    database: Database
    registry: Registry

    @asynccontextmanager
    async def writing(self) -> AsyncIterator[Write]:
        async with self.registry.writing(ROOT) as write:
            yield write

    async def app(self, code: str = "monitor") -> dict[str, Any]:
        async with self.registry.reading() as views:
            return await views.app(code)

    async def history(self, **wanted: Any) -> list[dict[str, Any]]:
        """Return the rows of the history, oldest first."""
        async with self.registry.reading() as views:
            return (await views.history(limit=1000, **wanted)).rows[::-1]

    async def actions(self) -> list[str]:
        return [row["action"] for row in await self.history()]

    async def changes(self) -> list[tuple[int, str]]:
        """Return numbers of changes with their apps."""
        async with self.database.reading() as connection:
            rows = await connection.execute(
                select(CHANGE.c.number, CHANGE.c.app).order_by(CHANGE.c.number, CHANGE.c.app)
            )
            return [(row.number, row.app) for row in rows]

    async def number(self) -> int:
        async with self.database.reading() as connection:
            return await newest(connection)


async def switch_off(database: Database, app: str, callback: str) -> None:
    """Leave what a receiver that is gone leaves."""
    row = {"app": app, "callback": callback, "address": b"x" * 32, "since": NOW, "reason": "status 410"}
    async with database.writing() as connection:
        await connection.execute(insert(CALLBACK_OFF).values(row))

"""A registry over a database of its own, and what stands in it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from sqlalchemy import insert, make_url, select
from sqlalchemy.ext.asyncio import AsyncConnection

from esb.database.changes import CHANGE, CHANGE_COUNTER, newest
from esb.database.engine import Database
from esb.database.keys import DatabaseKeys, cipher, new_digest_key
from esb.database.metadata import METADATA
from esb.database.registry import Actor, Registry, Write

ROOT = Actor("cli:root", "cli")
KEY = "WmZmZmZmZmZmZmZmZmZmZmZmZmZmZmZmZmZmZmZmZmY="
NOW = 1_800_000_000_000
"""The time of day at which all is written, in milliseconds since 1970: 2027-01-15T08:00:00Z."""
DAY = 86_400_000


@dataclass
class Registered:
    """A registry, and what is behind it."""

    database: Database
    keys: DatabaseKeys
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
            return (await views.history(1000, **wanted))[::-1]

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


async def create_tables(connection: AsyncConnection) -> None:
    """Make the tables as `esb db upgrade` does."""
    await connection.run_sync(METADATA.create_all)
    await connection.execute(insert(CHANGE_COUNTER).values(id=1, number=0))


@asynccontextmanager
async def registered(url: str, now: int = NOW) -> AsyncIterator[Registered]:
    """Yield a registry over an empty database at this URL."""
    database = Database(make_url(url))
    try:
        async with database.writing() as connection:
            await create_tables(connection)
        keys = DatabaseKeys(cipher([KEY]), new_digest_key())
        yield Registered(database, keys, Registry(database, keys, lambda: now))
    finally:
        await database.close()

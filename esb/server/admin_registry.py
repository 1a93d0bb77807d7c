"""The registry of apps behind the operations: opened by the first request that needs it, with its libraries."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from esb.config import Config
from esb.database.registry_errors import Missing
from esb.database.writer import Actor
from esb.gateway.process_database import build_database

if TYPE_CHECKING:  # its libraries are extras
    from esb.database.app_views import AppViews
    from esb.database.engine import Database
    from esb.database.registry import Registry, Write


class NoDatabase(Missing):
    """The configuration names no database."""


class AdminRegistry:
    """The registry in the database of the configuration of the moment, which only a restart changes."""

    def __init__(self, config: Callable[[], Config]) -> None:
        self.config = config
        self._lock = asyncio.Lock()
        self._database: Database | None = None

    @asynccontextmanager
    async def reading(self) -> AsyncIterator["AppViews"]:
        """Yield what is there. NoDatabase, DatabaseAway, DatabaseMismatch."""
        registry = await self._opened_once()
        async with registry.reading() as views:
            yield views

    @asynccontextmanager
    async def writing(self, actor: Actor) -> AsyncIterator[tuple["Write", "AppViews"]]:
        """Yield a transaction in the name of this actor, and what is there in it. Likewise, and RegistryError."""
        from esb.database.app_views import AppViews

        registry = await self._opened_once()
        async with registry.writing(actor) as write:
            yield write, AppViews(write.transaction.connection)

    async def database(self) -> "Database":
        """Return the database, open. NoDatabase, DatabaseAway, DatabaseMismatch."""
        async with self._lock:
            if self._database is None:
                self._database = await self._opened()
        return self._database

    async def _opened_once(self) -> "Registry":
        database = await self.database()
        from esb.database.registry import Registry

        return Registry(database)

    async def close(self) -> None:
        """Close its connections."""
        if self._database is not None:
            await self._database.close()

    async def _opened(self) -> "Database":
        database, mistakes = build_database(self.config())
        if database is None:
            if mistakes:
                raise NoDatabase(mistakes[0].text)
            raise NoDatabase("there is no services.database in the configuration")
        try:
            await database.open()
        except BaseException:
            await database.close()
            raise
        return database

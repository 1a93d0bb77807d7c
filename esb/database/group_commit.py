"""Writes of many callers in one transaction: what comes while one is under way shares the next one."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, TypeVar

from sqlalchemy.ext.asyncio import AsyncConnection

from esb.database.engine import Database, DatabaseAway

Item = TypeVar("Item")
Result = TypeVar("Result")
Write = Callable[[AsyncConnection, Sequence[Item]], Awaitable[Sequence[Result]]]
"""Writes items, and returns a result for each; what it raises undoes all of them."""
AT_ONCE = 500
"""Items of one transaction at most: others wait for its lock."""


class CommitInDoubt(DatabaseAway):
    """The database went away while a transaction was committed: nobody knows whether it was."""


class GroupCommit(Generic[Item, Result]):
    """Writes items in groups, each group in one transaction; an item has its result when that is committed."""

    def __init__(self, database: Database, write: Write[Item, Result], at_once: int = AT_ONCE) -> None:
        self._database = database
        self._write = write
        self._at_once = at_once
        self._waiting: list[tuple[Item, asyncio.Future[Result]]] = []
        self._running: asyncio.Task[None] | None = None

    async def submit(self, item: Item) -> Result:
        """Write an item, and return its result once it is durable. DatabaseAway: it is not; CommitInDoubt: it may be.

        A caller who leaves does not take its item back.
        """
        future: asyncio.Future[Result] = asyncio.get_running_loop().create_future()
        self._waiting.append((item, future))
        if self._running is None:
            self._running = asyncio.create_task(self._run())
        return await future

    async def close(self) -> None:
        """Wait for what was submitted."""
        if self._running is not None:
            await asyncio.gather(self._running, return_exceptions=True)

    async def _run(self) -> None:
        try:
            while self._waiting:
                group, self._waiting = self._waiting[: self._at_once], self._waiting[self._at_once :]
                await self._commit(group)
        finally:
            self._running = None

    async def _commit(self, group: Sequence[tuple[Item, asyncio.Future[Result]]]) -> None:
        results: Sequence[Result] | None = None
        try:
            async with self._database.writing() as connection:
                results = await self._write(connection, [item for item, _ in group])
        except Exception as error:  # noqa: BLE001 - the rim of a task: it is told to whoever waits
            away = DatabaseAway if results is None else CommitInDoubt
            for _, future in group:
                if not future.done():
                    future.set_exception(away(str(error)) if isinstance(error, DatabaseAway) else error)
            return
        for (_, future), result in zip(group, results, strict=True):
            if not future.done():
                future.set_result(result)

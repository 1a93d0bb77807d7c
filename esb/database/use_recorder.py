"""The recorder of use: what is counted on the way of calls is written to the database some time later, in one batch."""

import asyncio
import random
from collections.abc import Callable
from contextlib import suppress

from esb.core.events import Observer
from esb.core.process_events import UseDropped
from esb.database.engine import Database, DatabaseAway
from esb.database.retention import forget
from esb.database.schema import DatabaseMismatch
from esb.database.use_counts import HOUR, UseCounts
from esb.database.use_writes import add

WRITING_SECONDS = 2.0
"""The time from one batch to the next: the age of what a look into the database does not see yet."""
ROWS_AT_ONCE = 1000
"""Rows of each table that one transaction writes."""
TELLING_SECONDS = 60.0
"""The time from one event about dropped calls to the next."""
LAST_SECONDS = 5.0
"""The time that the last batch has, while the process stops."""


class UseRecorder:
    """The one that writes what `counts` has counted, from `open` to `close`.

    While the database is away, it waits, as far as there is room. A transaction whose end nobody knows is written
    again: then its calls may stand there twice.
    """

    def __init__(self, counts: UseCounts, database: Database, observer: Observer, days: Callable[[], int]) -> None:
        """`days` returns for how many days use and history are kept."""
        self.counts = counts
        self._database = database
        self._observer = observer
        self._days = days
        self._stopping = asyncio.Event()
        self._running: asyncio.Task[None] | None = None
        self._told_at = -TELLING_SECONDS
        self._forgets_at = counts.now() + random.uniform(0, HOUR)  # noqa: S311 - workers take turns, nothing is secret

    def open(self) -> None:
        """Begin to write."""
        self._running = asyncio.create_task(self._run())

    async def close(self) -> None:
        """Write what is left, as far as the database takes it within some seconds; what it does not is dropped."""
        self._stopping.set()
        if self._running is not None:
            with suppress(TimeoutError):
                await asyncio.wait_for(self._running, LAST_SECONDS)
        self.counts.turn()
        self.counts.drop()
        self._tell()

    async def write(self) -> None:
        """Write all that was counted until now. DatabaseAway: then it waits for the next time."""
        self.counts.turn()
        while self.counts.days or self.counts.hours:
            days, hours = self.counts.some(ROWS_AT_ONCE)
            async with self._database.writing() as connection:
                left_out = await add(connection, days, hours)
            self.counts.written(days, hours)
            self.counts.dropped += left_out

    async def forget(self) -> None:
        """Delete some of what is too old, once an hour until nothing is left of it. DatabaseAway."""
        now = self.counts.now()
        if now < self._forgets_at:
            return
        async with self._database.writing() as connection:
            more = await forget(connection, now, self._days())
        if not more:
            self._forgets_at = now + HOUR

    async def _run(self) -> None:
        stopping = False
        while not stopping:
            with suppress(TimeoutError):
                stopping = await asyncio.wait_for(self._stopping.wait(), min(WRITING_SECONDS, self.counts.seconds_left))
            await self._write_and_forget(stopping)
            if self._told_at + TELLING_SECONDS <= asyncio.get_running_loop().time():
                self._tell()

    async def _write_and_forget(self, stopping: bool) -> None:
        try:
            await self.write()
            if not stopping:
                await self.forget()
        except (DatabaseAway, DatabaseMismatch):
            pass  # the database itself tells it; rows wait
        except Exception as error:  # noqa: BLE001 - the rim: what was not foreseen would come again with these rows
            self.counts.drop()
            self._observer.crashed("", "recording use", error)

    def _tell(self) -> None:
        dropped, self.counts.dropped = self.counts.dropped, 0
        if dropped:
            self._told_at = asyncio.get_running_loop().time()
            self._observer.emit(UseDropped(dropped))

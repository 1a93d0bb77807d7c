"""The recorder of use: what is counted on the way of calls is written to the database some time later, in one batch."""

import random
from collections.abc import Callable

from esb.core.events import Observer
from esb.core.process_events import UseDropped
from esb.database.engine import Database, DatabaseAway
from esb.database.retention import forget
from esb.database.schema import DatabaseMismatch
from esb.database.use_counts import HOUR, UseCounts
from esb.database.use_writes import add
from esb.database.write_behind import WriteBehind

ROWS_AT_ONCE = 1000
"""Rows of each table that one transaction writes."""


class UseRecorder(WriteBehind):
    """The one that writes what `counts` has counted, from `open` to `close`.

    While the database is away, it waits, as far as there is room. A transaction whose end nobody knows is written
    again: then its calls may stand there twice.
    """

    def __init__(self, counts: UseCounts, database: Database, observer: Observer, days: Callable[[], int]) -> None:
        """`days` returns for how many days use and history are kept."""
        super().__init__(observer)
        self.counts = counts
        self._database = database
        self._days = days
        self._forgets_at = counts.now() + random.uniform(0, HOUR)  # noqa: S311 - workers take turns, nothing is secret

    @property
    def seconds_left(self) -> float:
        return self.counts.seconds_left

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

    async def _turn(self, *, stopping: bool) -> None:
        try:
            await self.write()
            if not stopping:
                await self.forget()
        except (DatabaseAway, DatabaseMismatch):
            pass  # the database itself tells it; rows wait
        except Exception as error:  # noqa: BLE001 - the rim: what was not foreseen would come again with these rows
            self.counts.drop()
            self._observer.crashed("", "recording use", error)

    def _drop(self) -> None:
        self.counts.turn()
        self.counts.drop()

    def _dropped(self) -> UseDropped | None:
        dropped, self.counts.dropped = self.counts.dropped, 0
        return UseDropped(dropped) if dropped else None

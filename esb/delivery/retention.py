"""Retention: what the ledger keeps no longer is deleted in the background, a little at a time."""

import random
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any

from esb.core.clock import Clock
from esb.core.events import Observer
from esb.core.periodic_task import PeriodicTask
from esb.database.delivery_retention import purge_contents, purge_rows
from esb.database.engine import Database, DatabaseAway
from esb.database.time_of_day import time_of_day

CONTENTS_SECONDS = 10.0
"""The time from one look for contents that are over to the next."""
ROWS_SECONDS = 3600.0
"""The time from one look for deliveries that are too old to the next."""


class Retention:
    """The one that deletes contents and deliveries, from `open` to `close`. Those of other processes do the same."""

    def __init__(self, database: Database, clock: Clock, observer: Observer, rows: Callable[[], float]) -> None:
        """`rows` returns for how many seconds a delivery is kept once it has ended."""
        self._database = database
        self._clock = clock
        self._rows = rows
        self._purging = PeriodicTask(self._purge, CONTENTS_SECONDS, observer, "deleting old deliveries")
        self._looks_at = clock() + random.uniform(0, ROWS_SECONDS)  # noqa: S311 - processes take turns, nothing is secret

    def open(self) -> None:
        """Begin."""
        self._purging.open()

    async def close(self) -> None:
        """End; what is left is for the next time."""
        await self._purging.close()

    async def purge(self) -> None:
        """Delete all that is over: contents, and once an hour deliveries. DatabaseAway."""
        await self._stepwise(purge_contents, 0)
        if self._clock() >= self._looks_at:
            await self._stepwise(purge_rows, int(self._rows() * 1000))
            self._looks_at = self._clock() + ROWS_SECONDS

    async def _stepwise(self, step: Callable[[Any, int], Awaitable[bool]], age: int) -> None:
        more = True
        while more:
            async with self._database.writing() as connection:
                more = await step(connection, await time_of_day(connection, self._clock) - age)

    async def _purge(self) -> None:
        with suppress(DatabaseAway):  # which tells itself; it waits
            await self.purge()

"""The ages of what waits, looked at now and then in the background, so that no scrape waits for the database."""

import asyncio
import random
from collections.abc import Callable

from esb.core.clock import Clock
from esb.core.delivery_ages import DeliveryAges
from esb.core.events import Observer
from esb.database.engine import Database, DatabaseAway
from esb.database.oldest import oldest

SAMPLE_SECONDS = 15.0
"""The time from one look to the next: alerts are about minutes, and most scrapes come as often."""


class AgeSampler:
    """The one that looks, from `open` to `close`."""

    def __init__(self, database: Database, clock: Clock, observer: Observer, rows: Callable[[], float]) -> None:
        """`rows` returns for how many seconds a delivery is kept once it has ended."""
        self._database = database
        self._clock = clock
        self._observer = observer
        self._rows = rows
        self._sampled: DeliveryAges | None = None
        self._sampled_at = 0.0
        self._fails = False
        self._running: asyncio.Task[None] | None = None

    @property
    def ages(self) -> DeliveryAges | None:
        """The ages as they were seen last; they grow while the database is away. None before the first look."""
        if self._sampled is None or not self._fails:
            return self._sampled
        return self._sampled.later(self._clock() - self._sampled_at)

    def open(self) -> None:
        """Begin."""
        self._running = asyncio.create_task(self._run())

    async def close(self) -> None:
        """End."""
        if self._running is not None:
            self._running.cancel()
            await asyncio.gather(self._running, return_exceptions=True)

    async def sample(self) -> None:
        """Look now."""
        try:
            async with self._database.reading() as connection:
                self._sampled = await oldest(connection, self._clock, self._rows())
        except DatabaseAway:  # which tells itself
            self._fails = True
        else:
            self._sampled_at = self._clock()
            self._fails = False

    async def _run(self) -> None:
        while True:
            try:
                await self.sample()
            except Exception as error:  # noqa: BLE001 - the rim of a task that must go on
                self._observer.crashed("", "looking how old deliveries are", error)
            await asyncio.sleep(SAMPLE_SECONDS * random.uniform(0.8, 1.2))  # noqa: S311 - processes take turns

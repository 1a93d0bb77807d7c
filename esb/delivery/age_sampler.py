"""The ages of what waits, looked at now and then in the background, so that no scrape waits for the database."""

from collections.abc import Callable

from esb.core.clock import Clock
from esb.core.delivery_ages import DeliveryAges
from esb.core.events import Observer
from esb.core.periodic_task import PeriodicTask
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
        self._rows = rows
        self._sampled: DeliveryAges | None = None
        self._sampled_at = 0.0
        self._fails = False
        self._sampling = PeriodicTask(self.sample, SAMPLE_SECONDS, observer, "looking how old deliveries are")

    @property
    def ages(self) -> DeliveryAges | None:
        """The ages as they were seen last; they grow while the database is away. None before the first look."""
        if self._sampled is None or not self._fails:
            return self._sampled
        return self._sampled.later(self._clock() - self._sampled_at)

    def open(self) -> None:
        """Begin."""
        self._sampling.open()

    async def close(self) -> None:
        """End."""
        await self._sampling.close()

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

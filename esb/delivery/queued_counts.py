"""The number of deliveries that wait, by app: counted in the database now and then, and from there on by hand."""

import asyncio
import math
from collections.abc import Awaitable, Callable, Mapping

from esb.core.clock import Clock
from esb.core.errors import Limited, template

COUNTED_SECONDS = 10.0
"""The age of a count from which on it is made again: other processes accept and deliver, too."""
PAUSE_SECONDS = 1.0
"""The least time between two counts, however many callers are refused meanwhile."""
SHARE = 0.02
"""The share of time that counting may take: of half a million it takes its time."""
TOO_MANY = template("APP [{app}] has {most} messages that are not sent yet, and no more are accepted for now")


class QueuedCounts:
    """Bounds what an app may have waiting. A count may be seconds old: an app may be over the bound by a few."""

    def __init__(self, count: Callable[[], Awaitable[Mapping[str, int]]], clock: Clock) -> None:
        """`count` counts them all, by app."""
        self._count = count
        self._clock = clock
        self._numbers: dict[str, int] = {}
        self._counted: float | None = None
        self._took = 0.0
        self._lock = asyncio.Lock()

    async def admit(self, app: str, most: int) -> None:
        """Count one more for this app. Limited if it has `most` already."""
        if self._counted is None or self._age >= max(COUNTED_SECONDS, self._pause):
            await self._recount(COUNTED_SECONDS)
        if self._numbers.get(app, 0) >= most:
            await self._recount(self._pause)
        if self._numbers.get(app, 0) >= most:
            raise Limited(TOO_MANY, math.ceil(self._pause), app=app, most=most)
        self._numbers[app] = self._numbers.get(app, 0) + 1

    @property
    def _pause(self) -> float:
        return max(PAUSE_SECONDS, self._took / SHARE)

    @property
    def _age(self) -> float:
        return float("inf") if self._counted is None else self._clock() - self._counted

    async def _recount(self, age: float) -> None:
        """Count them, unless that was done so many seconds ago. Who comes meanwhile waits for this count."""
        async with self._lock:
            if self._age < age:
                return
            began = self._clock()
            self._numbers = {**await self._count()}
            self._counted = self._clock()
            self._took = self._counted - began

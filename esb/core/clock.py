"""Time that tests can move: seconds that only go forward, waiting by them, and the time of day."""

import asyncio
import math
import time
from datetime import UTC, datetime
from typing import Protocol

FIRST, LAST = -62135596800, 253402300799
"""The first and the last second of the calendar, years 1 to 9999, since 1970. A zone may lead out of it, and so does
the end of its last day as a float.
"""


def utc_text(seconds: float) -> str:
    """Return a moment, in seconds since 1970, as 2026-12-31T10:00:00Z; one beyond the calendar as its first or last."""
    within = math.floor(min(max(seconds, FIRST), LAST))
    return datetime.fromtimestamp(within, UTC).isoformat().replace("+00:00", "Z")


class Clock(Protocol):
    """A monotonic clock in seconds, which one can also wait by.

    `since_1970` is the time of day, as others write it into what they sign; it may be set back.
    """

    def __call__(self) -> float: ...

    def since_1970(self) -> float: ...

    async def sleep(self, seconds: float) -> None: ...


class SystemClock:
    """The machine's own."""

    __call__ = staticmethod(time.monotonic)

    def since_1970(self) -> float:
        return time.time()

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)

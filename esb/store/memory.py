"""A store in the memory of one process."""

import heapq
from collections.abc import Callable

from esb.errors import UpstreamError

PURGED_PER_KEY = 2
"""How many expired keys a new one removes: more than one, so that they leave faster than they come; few, so that no
call pays for all the others."""


class MemoryStore:
    """Remembers at most `size` keys. When it is full of keys that still count, it refuses new ones."""

    def __init__(self, clock: Callable[[], float], size: int) -> None:
        self._clock = clock
        self._size = size
        self._expiries: dict[str, float] = {}
        self._soonest: list[tuple[float, str]] = []

    async def add(self, key: str, seconds: float) -> bool:
        # No await in here: that is what makes it atomic.
        now = self._clock()
        if self._expiries.get(key, now) > now:
            return False
        self._purge(now)
        if len(self._expiries) >= self._size:
            raise UpstreamError("store", "add", "the memory of the gateway is full", sent=False)
        self._expiries[key] = now + seconds
        heapq.heappush(self._soonest, (now + seconds, key))
        return True

    def _purge(self, now: float) -> None:
        for _ in range(PURGED_PER_KEY):
            if not self._soonest or self._soonest[0][0] > now:
                return
            expiry, key = heapq.heappop(self._soonest)
            if self._expiries.get(key) == expiry:  # it may have been added anew since
                del self._expiries[key]

    async def close(self) -> None: ...

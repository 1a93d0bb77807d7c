"""A store in the memory of one process."""

import heapq
from collections import deque
from collections.abc import Callable, Sequence

from cachetools import LRUCache, TLRUCache

from esb.errors import UpstreamError
from esb.store import Kept

MOST_VALUES = 100_000
"""How many values, and how many keys with places, are kept; those used least recently go first."""
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
        self._values: TLRUCache[str, tuple[bytes, float]] = TLRUCache(
            min(size, MOST_VALUES), lambda _key, kept, _now: kept[1], timer=clock
        )
        self._places: LRUCache[str, deque[float]] = LRUCache(min(size, MOST_VALUES))

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

    async def put(self, key: str, value: bytes, seconds: float) -> None:
        self._values[key] = (value, self._clock() + seconds)

    async def get(self, key: str) -> Kept | None:
        kept = self._values.get(key)
        return None if kept is None else Kept(kept[0], kept[1] - self._clock())

    async def reserve(
        self, keys: Sequence[str], *, times: int, limit: int, seconds: float, patience: float
    ) -> list[float]:
        # No await in here: that is what makes it atomic.
        now = self._clock()
        waits = []
        for key in keys:
            places = self._places.get(key)
            if places is None:
                places = self._places[key] = deque()
            waits.append(_take(places, now, times, limit, seconds, patience))
        return waits

    async def close(self) -> None: ...


def _take(places: deque[float], now: float, times: int, limit: int, seconds: float, patience: float) -> float:
    """Takes the places, if the last of them comes soon enough; how soon it comes."""
    while places and places[0] <= now - seconds:
        places.popleft()
    taken: list[float] = []
    for number in range(len(places), len(places) + times):
        before = number - limit  # the place that has to be over by then
        if before < 0:
            taken.append(now)
        else:
            taken.append(max(now, (places[before] if before < len(places) else taken[before - len(places)]) + seconds))
    wait = taken[-1] - now
    if wait <= patience:
        places.extend(taken)
    return wait

"""A store in the memory of one process."""

import heapq
from collections import deque
from collections.abc import Callable, Sequence
from itertools import count

from esb.core.errors import UpstreamError
from esb.core.lru import Recent
from esb.store.keyspaces import PUBLISHED
from esb.store.memory_values import OVERHEAD, Value, Values
from esb.store.memory_windows import SlidingWindows
from esb.store.protocol import ChangeListener, Kept, Rule, Swapped, Taken

MOST_VALUES = 100_000
"""The most values, and the most keys with permits; those used least recently go first."""
MOST_BYTES = 64 * 2**20
"""The most bytes of all values together; an answer that is remembered for its repetitions may be long."""
MOST_TAKEN = 5_000_000
"""The most permits that `take` counts in all, eight bytes each; keys used least recently go first."""
PURGED_PER_KEY = 2
"""The expired keys that a new one removes: more than one, so that they leave faster than they come; few, so that no
call pays for all the others."""


class MemoryStore:
    """A store of at most `size` keys. When it is full of keys that still count, it refuses new ones."""

    shared = False
    trouble = ""

    def __init__(self, clock: Callable[[], float], size: int) -> None:
        self._clock = clock
        self._size = size
        self._expiries: dict[str, float] = {}
        self._soonest: list[tuple[float, str]] = []
        self._values = Values(clock, min(size * OVERHEAD, MOST_BYTES))
        self._versions = count(1)
        self._reserved: Recent[str, deque[float]] = Recent(min(size, MOST_VALUES))
        self._taken = SlidingWindows(min(size, MOST_VALUES), MOST_TAKEN)
        self._listeners: list[ChangeListener] = []

    async def open(self) -> None:
        """Do nothing: there is nothing to open."""

    async def add(self, key: str, seconds: float) -> bool:
        # No await in here: that is what makes it atomic. It is the same with the others below.
        now = self._clock()
        if self._expiries.get(key, now) > now:
            return False
        self._purge(now)
        if len(self._expiries) >= self._size:
            raise UpstreamError("store", "add", "the memory of the gateway is full", sent=False)
        self._expiries[key] = now + seconds
        heapq.heappush(self._soonest, (now + seconds, key))
        return True

    def remembers(self, key: str) -> bool:
        """Return True if `add` would refuse the key as known."""
        return self._expiries.get(key, 0.0) > self._clock()

    def _purge(self, now: float) -> None:
        for _ in range(PURGED_PER_KEY):
            if not self._soonest or self._soonest[0][0] > now:
                return
            expiry, key = heapq.heappop(self._soonest)
            if self._expiries.get(key) == expiry:  # it may have been added anew since
                del self._expiries[key]

    async def put(self, key: str, value: bytes, seconds: float) -> None:
        self._put(key, value, seconds)

    async def get(self, key: str, *, strict: bool = False) -> Kept | None:
        if key not in self._values or (kept := self._values.current(key)) is None:
            return None
        return Kept(kept.raw, kept.ends - self._clock(), kept.version)

    async def swap(self, key: str, seen: str, value: bytes, seconds: float) -> Swapped:
        kept = await self.get(key)
        if kept is not None and kept.version != seen:
            return Swapped(False, kept)
        return Swapped(True, Kept(value, seconds, self._put(key, value, seconds)))

    async def drop(self, key: str, version: str) -> bool:
        kept = self._values.current(key)
        if kept is None or kept.version != version:
            return False
        self._values.drop(key)
        self._publish(key, "")
        return True

    def _put(self, key: str, value: bytes, seconds: float) -> str:
        version = str(next(self._versions))
        self._values.put(key, Value(value, self._clock() + seconds, version))
        self._publish(key, version)
        return version

    async def reserve(
        self, keys: Sequence[str], *, times: int, limit: int, seconds: float, patience: float
    ) -> list[float]:
        now = self._clock()
        waits = []
        for key in keys:
            instants = self._reserved.get(key)
            if instants is None:
                instants = self._reserved[key] = deque()
            else:
                self._reserved.move_to_end(key)
            waits.append(_reserve(instants, now, times, limit, seconds, patience))
        return waits

    async def take(self, key: str, rules: Sequence[Rule]) -> Taken:
        return self._taken.take(key, self._clock(), rules)

    async def give_back(self, key: str) -> None:
        self._taken.give_back(key)

    async def watch(self, heard: ChangeListener) -> None:
        self._listeners.append(heard)

    def _publish(self, key: str, version: str) -> None:
        if self._listeners and key.startswith(PUBLISHED):
            for heard in self._listeners:
                heard(key, version)

    async def close(self) -> None: ...


def _reserve(instants: deque[float], now: float, times: int, limit: int, seconds: float, patience: float) -> float:
    """Take the permits if the last of them is due within `patience`; return the seconds until it is due."""
    while instants and instants[0] <= now - seconds:
        instants.popleft()
    if len(instants) + times <= limit:  # nearly always
        instants.extend([now] * times)
        return 0.0
    taken: list[float] = []
    for number in range(len(instants), len(instants) + times):
        # The permit that must have left the window by then.
        before = number - limit
        if before < 0:
            taken.append(now)
        else:
            taken.append(
                max(now, (instants[before] if before < len(instants) else taken[before - len(instants)]) + seconds)
            )
    wait = taken[-1] - now
    if wait <= patience:
        instants.extend(taken)
    return wait

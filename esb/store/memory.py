"""A store in the memory of one process."""

from bisect import bisect_left, bisect_right, insort
from collections.abc import Callable, Sequence
from itertools import count

from esb.core.lru import Recent
from esb.store.keyspaces import PUBLISHED
from esb.store.memory_keys import Keys
from esb.store.memory_values import OVERHEAD, Value, Values
from esb.store.memory_windows import SlidingWindows
from esb.store.protocol import ChangeListener, Kept, Reserved, Rule, Swapped, Taken, Window

MOST_VALUES = 100_000
"""The most values, and the most keys with permits; those used least recently go first."""
MOST_BYTES = 64 * 2**20
"""The most bytes of all values together; an answer that is remembered for its repetitions may be long."""
MOST_TAKEN = 5_000_000
"""The most permits that `take` counts in all, eight bytes each; keys used least recently go first."""


class MemoryStore:
    """A store of at most `size` keys. When it is full of keys that still count, it refuses new ones."""

    shared = False
    trouble = ""

    def __init__(self, clock: Callable[[], float], size: int) -> None:
        self._clock = clock
        self._keys = Keys(clock, size)
        self._values = Values(clock, min(size * OVERHEAD, MOST_BYTES))
        self._versions = count(1)
        self._reserved: Recent[str, list[float]] = Recent(min(size, MOST_VALUES))
        self._taken = SlidingWindows(min(size, MOST_VALUES), MOST_TAKEN)
        self._listeners: list[ChangeListener] = []

    async def open(self) -> None:
        """Do nothing: there is nothing to open."""

    async def add(self, key: str, seconds: float) -> bool:
        # No await in here: that is what makes it atomic. It is the same with the others below.
        return self._keys.add(key, seconds)

    def remembers(self, key: str) -> bool:
        """Return True if `add` would refuse the key as known."""
        return key in self._keys

    def keys_of(self, keyspace: str) -> list[str]:
        """Return the keys of the values in this keyspace."""
        return [key for key in self._values if key.startswith(f"{keyspace}:")]

    async def put(self, key: str, value: bytes, seconds: float) -> None:
        self._put(key, value, seconds)

    async def get(self, key: str, *, strict: bool = False) -> Kept | None:
        kept = self._values.current(key)
        if kept is None:
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
        self, keys: Sequence[str], *, times: int, limit: int, seconds: float, patience: float, held: float
    ) -> Reserved:
        now = self._clock()
        until = now + held
        waits = []
        for key in keys:
            ends = self._reserved.used(key)
            if ends is None:
                ends = self._reserved[key] = []
            wait = _wait(ends, now, times, limit, seconds)
            if wait <= patience:
                for _ in range(times):
                    insort(ends, until)
            waits.append(wait)
        return waits, until

    async def settle(self, keys: Sequence[str], receipt: float, times: int) -> None:
        now = self._clock()
        for key in keys:
            ends = self._reserved.get(key)
            if ends is None:
                continue  # forgotten, for the sake of others
            index = bisect_left(ends, receipt)
            if index < len(ends) and ends[index] == receipt:
                del ends[index : index + times]
                for _ in range(times):
                    insort(ends, now)

    async def take(self, key: str, rules: Sequence[Rule]) -> Taken:
        return self._taken.take(key, self._clock(), rules)

    async def windows(self, key: str, rules: Sequence[Rule]) -> Sequence[Window]:
        return self._taken.windows(key, self._clock(), rules)

    async def reserved(self, keys: Sequence[str], seconds: float) -> Sequence[int]:
        since = self._clock() - seconds
        ends = (self._reserved.get(key) or [] for key in keys)
        return [len(counted) - bisect_right(counted, since) for counted in ends]

    async def give_back(self, key: str) -> None:
        self._taken.give_back(key)

    async def watch(self, heard: ChangeListener) -> None:
        self._listeners.append(heard)

    def _publish(self, key: str, version: str) -> None:
        if self._listeners and key.startswith(PUBLISHED):
            for heard in self._listeners:
                heard(key, version)

    async def close(self) -> None: ...


def _wait(ends: list[float], now: float, times: int, limit: int, seconds: float) -> float:
    """Return the seconds until so many more permits are due. `ends`: until when each may be used, in order."""
    if ends and ends[0] <= now - seconds:
        del ends[: bisect_right(ends, now - seconds)]
    over = len(ends) + times - limit  # so many must have left the window by then
    return ends[over - 1] + seconds - now if over > 0 else 0.0

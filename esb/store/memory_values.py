"""Values in memory, each until its end. Bounded by the bytes they take: those used least recently go first."""

from collections import OrderedDict
from collections.abc import Callable
from typing import NamedTuple

OVERHEAD = 640
"""What a value takes besides its bytes, about."""
PURGED_PER_VALUE = 2
"""How many of the oldest a new one removes if they have ended: more than one, so that they leave faster than they
come; few, so that no call pays for all the others."""


class Value(NamedTuple):
    """`ends`: by the clock of the store."""

    raw: bytes
    ends: float
    version: str


class Values:
    """Written for who asks: nearly every key that is asked for is not there."""

    def __init__(self, clock: Callable[[], float], most_bytes: int) -> None:
        self._clock = clock
        self._most_bytes = most_bytes
        self.taken = 0
        """How many bytes they take now."""
        self._values: OrderedDict[str, Value] = OrderedDict()

    def get(self, key: str) -> Value | None:
        """What is kept for this key."""
        value = self._values.get(key)
        if value is None:
            return None
        if value.ends <= self._clock():
            self.drop(key)
            return None
        self._values.move_to_end(key)
        return value

    def put(self, key: str, value: Value) -> None:
        """Keeps it in place of what was kept; unless it is larger than all of the memory."""
        size = _size(value)
        if size > self._most_bytes:
            return
        self.drop(key)
        self._purge()
        self._values[key] = value
        self.taken += size
        while self.taken > self._most_bytes:
            self.drop(next(iter(self._values)))

    def drop(self, key: str) -> None:
        value = self._values.pop(key, None)
        if value is not None:
            self.taken -= _size(value)

    def clear(self) -> None:
        self._values.clear()
        self.taken = 0

    def _purge(self) -> None:
        now = self._clock()
        for _ in range(PURGED_PER_VALUE):
            key = next(iter(self._values), None)
            if key is None or self._values[key].ends > now:
                return
            self.drop(key)


def _size(value: Value) -> int:
    return len(value.raw) + OVERHEAD

"""Values in memory, each until its end. Bounded by the bytes they take: those used least recently go first."""

from collections import OrderedDict
from collections.abc import Callable
from typing import NamedTuple

OVERHEAD = 640
"""The bytes that a value takes besides its own, about."""
PURGED_PER_VALUE = 2
"""The oldest values that a new one removes if they have ended: more than one, so that they leave faster than they
come; few, so that no call pays for all the others."""


class Value(NamedTuple):
    """A value and its version; `ends` in seconds by the clock of the store."""

    raw: bytes
    ends: float
    version: str


class Values(OrderedDict[str, Value]):
    """Values by key, those used least recently first. Look-ups are cheap: most keys are not there."""

    def __init__(self, clock: Callable[[], float], most_bytes: int) -> None:
        super().__init__()
        self._clock = clock
        self._most_bytes = most_bytes
        self.taken = 0
        """The bytes that all values take now."""

    def current(self, key: str) -> Value | None:
        """Return the value of this key; None if there is none or it has ended."""
        value = self.get(key)
        if value is None:
            return None
        if value.ends <= self._clock():
            self.drop(key)
            return None
        self.move_to_end(key)
        return value

    def put(self, key: str, value: Value) -> None:
        """Keep this value instead of the one before; do nothing if it is larger than all of the memory."""
        size = _size(value)
        if size > self._most_bytes:
            return
        self.drop(key)
        self._purge()
        self[key] = value
        self.taken += size
        while self.taken > self._most_bytes:
            self.drop(next(iter(self)))

    def drop(self, key: str) -> None:
        value = self.pop(key, None)
        if value is not None:
            self.taken -= _size(value)

    def clear(self) -> None:
        super().clear()
        self.taken = 0

    def _purge(self) -> None:
        now = self._clock()
        for _ in range(PURGED_PER_VALUE):
            key = next(iter(self), None)
            if key is None or self[key].ends > now:
                return
            self.drop(key)


def _size(value: Value) -> int:
    return len(value.raw) + OVERHEAD

"""Values in memory, each until its end. Bounded by the bytes they take, together and for each app."""

from collections import OrderedDict
from collections.abc import Callable
from typing import NamedTuple

from esb.store.keyspaces import share_of

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


class _Share(OrderedDict[str, None]):
    """The keys of one share, those used least recently first. `taken`: the bytes of their values."""

    taken = 0


class Values(dict[str, Value]):
    """Values by key. Look-ups are cheap: most keys are not there.

    An app may take as many bytes as are left: what goes beyond that drops its own values, those used least recently
    first, and never those of another. Values that belong to all apps may take all that is left.
    """

    def __init__(self, clock: Callable[[], float], most_bytes: int) -> None:
        super().__init__()
        self._clock = clock
        self._most_bytes = most_bytes
        self._shares: OrderedDict[str, _Share] = OrderedDict()
        """The share that had a new value least recently first."""
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
        self._shares[share_of(key)].move_to_end(key)
        return value

    def put(self, key: str, value: Value) -> None:
        """Keep this value instead of the one before; do nothing if it is larger than all of the memory."""
        size = _size(value)
        if size > self._most_bytes:
            return
        self.drop(key)
        name = share_of(key)
        self._purge(name)
        self._purge(next(iter(self._shares), name))  # it has been idle longest: its app may never come again
        share = self._shares.setdefault(name, _Share())
        self._shares.move_to_end(name)
        self[key] = value
        share[key] = None
        share.taken += size
        self.taken += size
        while self.taken + (share.taken if name else 0) > self._most_bytes:
            self.drop(next(iter(share)))

    def drop(self, key: str) -> None:
        value = self.pop(key, None)
        if value is not None:
            name = share_of(key)
            share = self._shares[name]
            del share[key]
            share.taken -= _size(value)
            self.taken -= _size(value)
            if not share:
                del self._shares[name]

    def _purge(self, name: str) -> None:
        now = self._clock()
        for _ in range(PURGED_PER_VALUE):
            key = next(iter(self._shares.get(name, ())), None)
            if key is None or self[key].ends > now:
                return
            self.drop(key)


def _size(value: Value) -> int:
    return len(value.raw) + OVERHEAD

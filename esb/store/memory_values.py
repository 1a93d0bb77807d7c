"""Values in memory, each until its end. Bounded by the bytes they take, together and for each app."""

import heapq
from collections import OrderedDict
from collections.abc import Callable
from typing import NamedTuple

from esb.store.keyspaces import share_of
from esb.store.protocol import ShareFull

OVERHEAD = 640
"""The bytes that a value takes besides its own, about."""
PURGED_PER_VALUE = 2
"""The oldest values that a new one removes if they have ended: more than one, so that they leave faster than they
come; few, so that no call pays for all the others."""
GONE_ENDS = 1000
"""Ends of values that are gone, which a share may note besides as many as it has values: they are forgotten in one go,
which is to be seldom."""


class Value(NamedTuple):
    """A value and its version; `ends` in seconds by the clock of the store."""

    raw: bytes
    ends: float
    version: str


class _Share(OrderedDict[str, None]):
    """The keys of one share, those used least recently first. `taken`: the bytes of their values."""

    def __init__(self) -> None:
        super().__init__()
        self.taken = 0
        self.ends: list[tuple[float, str]] = []
        """The ends of its values as a heap; some are of values that are gone."""


class Values(dict[str, Value]):
    """Values by key. Look-ups are cheap: most keys are not there.

    An app may take as many bytes as are left, and what it was promised is not given up for anything: beyond that it
    gets no more. Values that belong to all apps may take all that is left, and those used least recently leave.
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
        """Keep this value instead of the one before; that of no app only if it is not larger than all of the memory.

        ShareFull if the app of the key has no room for it: then the one before is kept.
        """
        size = _size(value)
        name = share_of(key)
        self._purge(name)
        self._purge(next(iter(self._shares), name))  # it has been idle longest: its app may never come again
        if name:
            self._make_room(name, size - (_size(self[key]) if key in self else 0))
        elif size > self._most_bytes:
            return
        self.drop(key)
        share = self._shares.setdefault(name, _Share())
        self._shares.move_to_end(name)
        self[key] = value
        share[key] = None
        self._add_end(share, value.ends, key)
        share.taken += size
        self.taken += size
        while not name and self.taken > self._most_bytes:
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

    def _add_end(self, share: _Share, ends: float, key: str) -> None:
        """Note the end of a value, and once most of those noted are of values that are gone, forget these."""
        heapq.heappush(share.ends, (ends, key))
        if len(share.ends) > GONE_ENDS + 2 * len(share):
            share.ends = [(self[each].ends, each) for each in share]
            heapq.heapify(share.ends)

    def _make_room(self, name: str, more: int) -> None:
        """Let values of this share that have ended leave, as far as it needs so many bytes more. ShareFull."""
        while True:
            share = self._shares.get(name) or _Share()
            if self.taken + share.taken + 2 * more <= self._most_bytes:
                return
            if not self._drop_ended(share):
                raise ShareFull(share.ends[0][0] - self._clock() if share.ends else 0.0)

    def _purge(self, name: str) -> None:
        for _ in range(PURGED_PER_VALUE):
            share = self._shares.get(name)
            if share is None or not self._drop_ended(share):
                return

    def _drop_ended(self, share: _Share) -> bool:
        """Drop the value of this share whose end was first; return False if none has ended."""
        now = self._clock()
        while share.ends and share.ends[0][0] <= now:
            ends, key = heapq.heappop(share.ends)
            value = self.get(key)
            if value is not None and value.ends == ends:  # and was not put anew since
                self.drop(key)
                return True
        return False


def _size(value: Value) -> int:
    return len(value.raw) + OVERHEAD

"""Copies of what a shared store keeps, in the memory of one process: good for as long as every change is heard.

Their seconds are real ones whatever clock a gateway goes by, as those of the store are.
"""

import time

from cachetools import LRUCache

from esb.store.protocol import Kept

SIZE = 10_000
LONGEST_SECONDS = 60.0
"""A copy is not used longer, though nobody told of a change: a look now and then costs little."""


class Copies:
    """What is kept by key, None for nothing; bounded."""

    def __init__(self) -> None:
        self._copies: LRUCache[str, tuple[Kept | None, float, float]] = LRUCache(SIZE)
        self.heard = 0
        """How many changes were heard."""

    def find(self, key: str) -> tuple[bool, Kept | None]:
        """Whether there is a copy; and the copy, with the seconds that are left by now."""
        copy = self._copies.get(key)
        if copy is None:
            return False, None
        kept, made, until = copy
        now = time.monotonic()
        if now >= until:
            return False, None
        return True, None if kept is None else Kept(kept.value, kept.seconds - (now - made), kept.version)

    def keep(self, key: str, kept: Kept | None, heard: int) -> None:
        """A copy of what was read; `heard` is how many changes were heard before.

        What was heard while it was read may have come after it: then it is no copy.
        """
        if heard == self.heard:
            now = time.monotonic()
            seconds = LONGEST_SECONDS if kept is None else min(LONGEST_SECONDS, kept.seconds)
            self._copies[key] = (kept, now, now + seconds)

    def change(self, key: str, version: str) -> None:
        """Something else is kept from now on."""
        self.heard += 1
        copy = self._copies.get(key)
        if copy is not None and (copy[0] is None or copy[0].version != version):
            del self._copies[key]

    def clear(self) -> None:
        self.heard += 1
        self._copies.clear()

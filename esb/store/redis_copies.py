"""Copies of a shared store's values in the memory of one process: good for as long as every change is heard.

They age by the system's clock, as the values in the store do, whatever clock the gateway is given.
"""

import time

from cachetools import LRUCache

from esb.store.protocol import Kept

SIZE = 10_000
LONGEST_SECONDS = 60.0
"""The longest life of a copy of which no change was heard: a look now and then costs little."""


class Copies:
    """Values by key, None for a key without one; bounded."""

    def __init__(self) -> None:
        self._copies: LRUCache[str, tuple[Kept | None, float, float]] = LRUCache(SIZE)
        self.heard = 0
        """The number of changes heard."""

    def find(self, key: str) -> tuple[bool, Kept | None]:
        """Return True and the copy, with the seconds that are left by now; or False and None if there is none."""
        copy = self._copies.get(key)
        if copy is None:
            return False, None
        kept, made, until = copy
        now = time.monotonic()
        if now >= until:
            return False, None
        return True, None if kept is None else Kept(kept.value, kept.seconds - (now - made), kept.version)

    def keep(self, key: str, kept: Kept | None, heard: int) -> None:
        """Keep a copy of what was read; `heard` is the number of changes heard before the read.

        A change heard meanwhile may be newer than what was read: then nothing is kept.
        """
        if heard == self.heard:
            now = time.monotonic()
            seconds = LONGEST_SECONDS if kept is None else min(LONGEST_SECONDS, kept.seconds)
            self._copies[key] = (kept, now, now + seconds)

    def change(self, key: str, version: str) -> None:
        """Drop the copy of this key unless it has this version, which is the one kept from now on."""
        self.heard += 1
        copy = self._copies.get(key)
        if copy is not None and (copy[0] is None or copy[0].version != version):
            del self._copies[key]

    def clear(self) -> None:
        self.heard += 1
        self._copies.clear()

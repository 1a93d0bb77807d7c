"""A memory of bounded size: what was used least recently goes first."""

from collections import OrderedDict
from collections.abc import Hashable
from typing import TypeVar

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


class Recent(OrderedDict[K, V]):
    """A mapping of at most `size` items. cachetools' LRUCache does the same; this one runs in C, nearly all of it.

    Bench: send.
    """

    def __init__(self, size: int) -> None:
        super().__init__()
        self._size = size

    def used(self, key: K) -> V | None:
        """Return what is kept for this key, which is the most recent now; None if nothing is."""
        found = self.get(key)
        if found is not None:
            self.move_to_end(key)
        return found

    def __setitem__(self, key: K, value: V) -> None:
        super().__setitem__(key, value)
        self.move_to_end(key)
        if len(self) > self._size:
            self.popitem(last=False)

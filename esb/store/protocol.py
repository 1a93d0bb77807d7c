"""What must be one for the whole gateway, however many processes it has. Back ends are files of this folder.

What keys begin with, and whose changes are told to every process, stands in `keyspaces`.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from esb.core.clock import Clock
from esb.core.errors import UpstreamError
from esb.core.events import Observer

Heard = Callable[[str, str], None]
"""Called with a key and the version that is kept for it from now on, "" for none. The key "": anything may be new."""


@dataclass(frozen=True, slots=True)
class Kept:
    """A value that was put, the seconds that are left of it, and what tells it from every other that ever was."""

    value: bytes = field(repr=False)
    seconds: float
    version: str = ""


@dataclass(frozen=True, slots=True)
class Swapped:
    """How a swap ended: whether our value is the one that is kept now, and the one that is."""

    done: bool
    kept: Kept


@dataclass(frozen=True, slots=True)
class Rule:
    """At most `limit` in any `seconds`."""

    limit: int
    seconds: float


@dataclass(frozen=True, slots=True)
class Window:
    """What a rule has left to give, and the seconds until the oldest that counts leaves its window."""

    left: int
    seconds: float


@dataclass(frozen=True, slots=True)
class Taken:
    """Whether all rules allowed it, and how each of them stands; `over` are those that did not."""

    windows: tuple[Window, ...]
    over: tuple[int, ...] = ()


class StoreAway(UpstreamError):
    """The store cannot be asked now. What was asked may have been done all the same."""


@dataclass(frozen=True, slots=True)
class StoreServices:
    """Services that a back end of the store is lent."""

    clock: Clock
    observer: Observer


class Store(Protocol):
    """The gateway's shared memory. It lives as long as the process: a reload neither empties nor replaces it.

    Any of its methods raises StoreAway while the store is away and nothing was agreed upon for that time.
    """

    shared: bool
    """Whether other processes see what it keeps."""

    @property
    def trouble(self) -> str:
        """What is wrong with it now, in a few words; "" for nothing."""
        ...

    async def open(self) -> None:
        """Once, before anything else. A store that is away is no error: it may come."""
        ...

    async def add(self, key: str, seconds: float) -> bool:
        """Remembers `key` for `seconds` unless it is remembered already; whether it was new.

        Atomic: of any number of callers with the same key at the same time, one is told that it was new.
        UpstreamError when the store cannot remember the key; nothing it promised to remember is given up for another.
        """
        ...

    async def put(self, key: str, value: bytes, seconds: float) -> None:
        """Keeps `value` for `seconds`, in place of what was kept. The value may go earlier when memory is short."""
        ...

    async def get(self, key: str, *, strict: bool = False) -> Kept | None:
        """What is kept for `key`. Of a key whose changes are told, a copy may serve that is a moment behind.

        `strict`: not such a copy.
        """
        ...

    async def swap(self, key: str, seen: str, value: bytes, seconds: float) -> Swapped:
        """Keeps `value` unless something else is kept than the version `seen`. With "", unless anything is kept.

        Atomic, so that whoever is told it is done holds the key, until its seconds are over or the version is dropped.
        """
        ...

    async def drop(self, key: str, version: str) -> bool:
        """Forgets what is kept for `key` if it is this version; whether it was."""
        ...

    async def reserve(
        self, keys: Sequence[str], *, times: int, limit: int, seconds: float, patience: float
    ) -> list[float]:
        """Takes `times` places for each key, so that no key has more than `limit` in any `seconds`.

        For each key the seconds until its last place comes: 0 is now. A key that would wait longer than `patience`
        gets no place, and the seconds it would have waited.
        """
        ...

    async def take(self, key: str, rules: Sequence[Rule]) -> Taken:
        """Counts one for `key`, now, if every rule allows one more; if one does not, nothing is counted."""
        ...

    async def give_back(self, key: str) -> None:
        """Counts one less: the one taken last."""
        ...

    async def watch(self, heard: Heard) -> None:
        """Calls `heard` with every change, whichever process makes it, of keys whose changes are told."""
        ...

    async def close(self) -> None: ...

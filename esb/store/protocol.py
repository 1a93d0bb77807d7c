"""The contract of a store: state that all processes of a gateway share. Back ends are files of this folder.

`keyspaces` says with which words keys begin, and the changes of which are published to every process.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Protocol, runtime_checkable

from esb.core.clock import Clock
from esb.core.errors import GatewayError, UpstreamError
from esb.core.events import Observer
from esb.core.reasons import Reason

Reserved = tuple[list[float], float]
"""The seconds until the permits of each key are due, 0 for now; and the receipt with which they are settled."""
ChangeListener = Callable[[str, str], None]
"""A listener, called with a key and the version kept from now on, "" for none. The key "": anything may be new."""


@dataclass(frozen=True, slots=True)
class Kept:
    """A value that was put, the seconds that are left of it, and its version, which no other value ever has."""

    value: bytes = field(repr=False)
    seconds: float
    version: str = ""


@dataclass(frozen=True, slots=True)
class Swapped:
    """The end of a swap: `done` if our value is the one that is kept now; `kept`, the one that is."""

    done: bool
    kept: Kept


@dataclass(frozen=True, slots=True)
class Rule:
    """At most `limit` permits in any `seconds`."""

    limit: int
    seconds: float


@dataclass(frozen=True, slots=True)
class Window:
    """The permits that a rule has left, and the seconds until the oldest that counts leaves its window."""

    left: int
    seconds: float


@dataclass(frozen=True, slots=True)
class Taken:
    """The result of a take: the window of each rule, and the indexes of the rules that forbade it, none if it went."""

    windows: tuple[Window, ...]
    over: tuple[int, ...] = ()


class StoreAway(UpstreamError):
    """The store cannot be asked now. What was asked may have been done all the same."""

    call_reason = Reason.STORE


class ShareFull(GatewayError):
    """An app has as many keys as it may have; `seconds` until the next one leaves."""

    def __init__(self, seconds: float) -> None:
        super().__init__(f"the share of this app is full for {seconds:g} seconds")
        self.seconds = seconds


@dataclass(frozen=True, slots=True)
class StoreServices:
    """Services that a back end of the store is lent."""

    clock: Clock
    observer: Observer


@runtime_checkable
class StoreReader(Protocol):
    """A store that tells what is left of permits without taking one. A back end may do without."""

    async def windows(self, key: str, rules: Sequence[Rule]) -> Sequence[Window]:
        """Return the window of each rule for `key`, as it would be before the next `take`."""
        ...

    async def reserved(self, keys: Sequence[str], seconds: float) -> Sequence[int]:
        """Return the permits of each key that count now, in a window of `seconds`."""
        ...


@runtime_checkable
class DegradingStore(Protocol):
    """A store whose operator says what becomes of calls while it is away. A back end may do without."""

    def goes_on_without(self, keyspace: str) -> bool:
        """Return True if calls that need this keyspace go on meanwhile, by what one process can know."""
        ...


class Store(Protocol):
    """The gateway's shared memory. It lives as long as the process: a reload neither empties nor replaces it.

    Any of its methods raises StoreAway while the store is away and nothing was agreed upon for that time.
    """

    shared: bool
    """True if other processes see the same keys."""

    @property
    def trouble(self) -> str:
        """The reason, in a few words, why the store cannot be used now; "" if it can."""
        ...

    async def open(self) -> None:
        """Open the store, once, before anything else. A store that is away is no error: it may come."""
        ...

    async def add(self, key: str, seconds: float) -> bool:
        """Remember `key` for `seconds`; return False if it is remembered already.

        Atomic: of any number of callers with the same key at the same time, one is told that it was new.
        UpstreamError when the store cannot remember the key; nothing it promised to remember is given up for another.
        ShareFull when the app of the key (see `keyspaces.share_of`) has too many; others still have room then.
        """
        ...

    async def put(self, key: str, value: bytes, seconds: float) -> None:
        """Keep `value` for `seconds` instead of the one before. The value may go earlier when memory is short."""
        ...

    async def get(self, key: str, *, strict: bool = False) -> Kept | None:
        """Return the value of `key`. If its changes are published, it may be a copy that is a moment behind.

        `strict`: no such copy.
        """
        ...

    async def swap(self, key: str, seen: str, value: bytes, seconds: float) -> Swapped:
        """Keep `value` unless another version than `seen` is kept; with "", unless any is.

        ShareFull when the app of the key has filled its share (see `keyspaces.share_of`): then nothing has changed.
        What is kept there is given up for no other value, of this app or another.

        Atomic: whoever gets `done` holds the key, until its seconds are over or the version is dropped.
        """
        ...

    async def drop(self, key: str, version: str) -> bool:
        """Forget the value of `key` if it is this version; return True if it was."""
        ...

    async def reserve(
        self, keys: Sequence[str], *, times: int, limit: int, seconds: float, patience: float, held: float
    ) -> Reserved:
        """Take `times` permits for each key, at most `limit`, so that no key has more than `limit` in any `seconds`.

        They may be used from when they are due until `held` seconds from now, and count for `seconds` after the last
        moment of that time. A key whose permits would be due in more than `patience` seconds gets none; others may be
        settled and leave before, so it may do better soon.
        """
        ...

    async def settle(self, keys: Sequence[str], receipt: float, times: int) -> None:
        """Count these permits from now on: they have been used.

        Raise nothing and keep nobody waiting. If it does not get through, they count as they did.
        """
        ...

    async def take(self, key: str, rules: Sequence[Rule]) -> Taken:
        """Take one permit for `key`, now, if every rule allows one more; if one does not, nothing is counted."""
        ...

    async def give_back(self, key: str) -> None:
        """Give back the permit of `key` that was taken last."""
        ...

    async def watch(self, heard: ChangeListener) -> None:
        """Call `heard` with every change, whichever process makes it, of keys whose changes are published."""
        ...

    async def close(self) -> None: ...

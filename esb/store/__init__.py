"""What must be one for the whole gateway, however many processes it has. Back ends are files of this folder."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Kept:
    """A value that was put, and the seconds that are left of it."""

    value: bytes = field(repr=False)
    seconds: float


class Store(Protocol):
    """The gateway's shared memory. It lives as long as the process: a reload neither empties nor replaces it."""

    async def add(self, key: str, seconds: float) -> bool:
        """Remembers `key` for `seconds` unless it is remembered already; whether it was new.

        Atomic: of any number of callers with the same key at the same time, one is told that it was new.
        UpstreamError when the store cannot remember the key; nothing it promised to remember is given up for another.
        """
        ...

    async def put(self, key: str, value: bytes, seconds: float) -> None:
        """Keeps `value` for `seconds`, in place of what was kept. The value may go earlier when memory is short."""
        ...

    async def get(self, key: str) -> Kept | None:
        """What is kept for `key`."""
        ...

    async def reserve(
        self, keys: Sequence[str], *, times: int, limit: int, seconds: float, patience: float
    ) -> list[float]:
        """Takes `times` places for each key, so that no key has more than `limit` in any `seconds`.

        For each key the seconds until its last place comes: 0 is now. A key that would wait longer than `patience`
        gets no place, and the seconds it would have waited.
        """
        ...

    async def close(self) -> None: ...

"""Memory that goes back to the system when much that was held has gone: the C library keeps it otherwise."""

import asyncio
import ctypes
from functools import cache
from typing import Any

EBB_BYTES = 16 * 1024 * 1024
"""Bytes less than at the highest level, at which memory is given back."""
TRIM_SECONDS = 2.0
"""Seconds from there until it is done, which takes some milliseconds: bodies come and go all the time."""
CONNECTION_BYTES = 10 * 1024
"""Bytes that an open connection takes, more or less."""


class Ebb:
    """A watch over the level of what is held."""

    __slots__ = ("_highest", "_timer")

    def __init__(self) -> None:
        self._highest = 0
        self._timer: asyncio.TimerHandle | None = None

    def level(self, held: int) -> None:
        """Take in how many bytes are held now."""
        if held > self._highest:
            self._highest = held
        elif self._highest - held >= EBB_BYTES:
            self._highest = held
            if self._timer is None:
                self._timer = asyncio.get_running_loop().call_later(TRIM_SECONDS, self._give_back)

    def _give_back(self) -> None:
        self._timer = None
        trim = _malloc_trim()
        if trim is not None:
            trim(0)


@cache
def _malloc_trim() -> Any:
    """Return the GNU C library's function; None with another one."""
    return getattr(ctypes.CDLL(None), "malloc_trim", None)

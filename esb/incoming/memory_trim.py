"""Trimming of the heap: memory goes back to the system when much that was held has gone; the C library keeps it."""

import asyncio
import ctypes
from functools import cache
from typing import Any

FREED_BYTES = 16 * 1024 * 1024
"""Bytes less than at the most, at which memory is given back."""
TRIM_SECONDS = 2.0
"""Seconds from there until it is done, which takes some milliseconds: bodies come and go all the time."""
CONNECTION_BYTES = 10 * 1024
"""Bytes that an open connection takes, more or less."""


class MemoryTrim:
    """A watch over how much is held, which trims the heap some seconds after much of it has gone."""

    __slots__ = ("_most", "_timer")

    def __init__(self) -> None:
        self._most = 0
        self._timer: asyncio.TimerHandle | None = None

    def note(self, held: int) -> None:
        """Take in how many bytes are held now."""
        if held > self._most:
            self._most = held
        elif self._most - held >= FREED_BYTES:
            self._most = held
            if self._timer is None:
                self._timer = asyncio.get_running_loop().call_later(TRIM_SECONDS, self._trim)

    def _trim(self) -> None:
        self._timer = None
        trim = _malloc_trim()
        if trim is not None:
            trim(0)


@cache
def _malloc_trim() -> Any:
    """Return the GNU C library's function; None with another one."""
    return getattr(ctypes.CDLL(None), "malloc_trim", None)

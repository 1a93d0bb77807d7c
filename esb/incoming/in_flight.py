"""Calls in flight, counted for what closes after the last of them."""

import asyncio
from types import TracebackType


class InFlight:
    """A count of calls. Each call enters it with `with`, for as long as it lasts."""

    __slots__ = ("_last", "number")

    def __init__(self) -> None:
        self.number = 0
        self._last: asyncio.Event | None = None

    def __enter__(self) -> None:
        self.number += 1

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.number -= 1
        if self._last is not None and not self.number:
            self._last.set()

    async def ended(self) -> None:
        """Wait until no call is in flight."""
        while self.number:
            self._last = self._last or asyncio.Event()
            self._last.clear()
            await self._last.wait()

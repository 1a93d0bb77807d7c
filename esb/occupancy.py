"""Who is still inside: counts the users of something that closes after the last of them."""

import asyncio
from types import TracebackType


class Occupancy:
    """Entered with `with`, by each call and for as long as it lasts."""

    __slots__ = ("_empty", "number")

    def __init__(self) -> None:
        self.number = 0
        self._empty = asyncio.Event()
        self._empty.set()

    def __enter__(self) -> None:
        self.number += 1
        self._empty.clear()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.number -= 1
        if not self.number:
            self._empty.set()

    async def ended(self) -> None:
        """Returns when nobody is inside."""
        await self._empty.wait()

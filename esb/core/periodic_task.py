"""Work that is done again and again in the background, for as long as something is open."""

import asyncio
import random
from collections.abc import Awaitable, Callable

from esb.core.events import Observer

JITTER = 0.2
"""The part by which a pause is longer or shorter: processes that began together take turns."""


class PeriodicTask:
    """Does some work every so many seconds, from `open` to `close`; a bug in it is told, and it goes on."""

    def __init__(self, work: Callable[[], Awaitable[None]], seconds: float, observer: Observer, doing: str) -> None:
        """`doing`: a few words, by which a bug is told."""
        self._work = work
        self._seconds = seconds
        self._observer = observer
        self._doing = doing
        self._running: asyncio.Task[None] | None = None

    def open(self) -> None:
        """Begin, at once."""
        self._running = asyncio.create_task(self._run())

    async def close(self) -> None:
        """End, in the middle of the work if need be."""
        if self._running is not None:
            self._running.cancel()
            await asyncio.gather(self._running, return_exceptions=True)

    async def _run(self) -> None:
        while True:
            try:
                await self._work()
            except Exception as error:  # noqa: BLE001 - the rim of a task that must go on
                self._observer.crashed("", self._doing, error)
            await asyncio.sleep(self._seconds * random.uniform(1 - JITTER, 1 + JITTER))  # noqa: S311 - nothing is secret

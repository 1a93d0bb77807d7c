"""Writing behind: what was noted on the way of calls is written some time later, many of them in one transaction."""

import asyncio
from abc import ABC, abstractmethod
from contextlib import suppress

from esb.core.events import Event, Observer

WRITING_SECONDS = 2.0
"""The time from one batch to the next: the age of what a look into the database does not see yet."""
TELLING_SECONDS = 60.0
"""The time from one event about what was dropped to the next."""
LAST_SECONDS = 5.0
"""The time that the last batch has, while the process stops."""


class WriteBehind(ABC):
    """One that writes now and then, from `open` to `close`, and tells what it could not keep until then."""

    def __init__(self, observer: Observer) -> None:
        self._observer = observer
        self._stopping = asyncio.Event()
        self._running: asyncio.Task[None] | None = None
        self._told_at = -TELLING_SECONDS

    def open(self) -> None:
        """Begin to write."""
        self._running = asyncio.create_task(self._run())

    async def close(self) -> None:
        """Write what is left, as far as the database takes it within some seconds; what it does not is dropped."""
        self._stopping.set()
        if self._running is not None:
            with suppress(TimeoutError):
                await asyncio.wait_for(self._running, LAST_SECONDS)
        self._drop()
        self._tell()

    @property
    def seconds_left(self) -> float:
        """The seconds after which the next batch is due, whatever else happens."""
        return WRITING_SECONDS

    @abstractmethod
    async def _turn(self, *, stopping: bool) -> None:
        """Write what there is. It raises nothing. `stopping`: it is the last time."""

    @abstractmethod
    def _drop(self) -> None:
        """Give up all that is not written."""

    @abstractmethod
    def _dropped(self) -> Event | None:
        """Return the event for what was given up since this was asked last; None for nothing."""

    async def _run(self) -> None:
        stopping = False
        while not stopping:
            with suppress(TimeoutError):
                stopping = await asyncio.wait_for(self._stopping.wait(), min(WRITING_SECONDS, self.seconds_left))
            await self._turn(stopping=stopping)
            if self._told_at + TELLING_SECONDS <= asyncio.get_running_loop().time():
                self._tell()

    def _tell(self) -> None:
        if (event := self._dropped()) is not None:
            self._told_at = asyncio.get_running_loop().time()
            self._observer.emit(event)

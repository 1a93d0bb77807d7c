"""The instant at which something changes in a world, for those who wait for it."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager, suppress

WATCHERS = 200
"""Calls that wait at once. Each holds a connection, and looks at every change."""


class TooManyWatchers(Exception):
    """So many calls wait already that another one is sent away."""


class Changes:
    """Announced by what changes, awaited by those who watch. After `end` nobody waits any more.

    `number` is that of the changes until now.
    """

    def __init__(self) -> None:
        self.ended = False
        self.number = 0
        self._waiting: set[asyncio.Future[None]] = set()
        self._watchers = 0

    @contextmanager
    def watched(self) -> Iterator[None]:
        """Count one who waits, perhaps more than once. TooManyWatchers beyond the bound."""
        if self._watchers >= WATCHERS:
            raise TooManyWatchers
        self._watchers += 1
        try:
            yield
        finally:
            self._watchers -= 1

    def announce(self) -> None:
        """Wake all who wait, once whoever runs now has finished its change."""
        self.number += 1
        if self._waiting:
            waiting, self._waiting = self._waiting, set()
            for waiter in waiting:
                if not waiter.done():
                    waiter.set_result(None)

    async def later(self, than: int, seconds: float) -> None:
        """Wait until there are more changes than these, but no longer than this."""
        if self.ended or self.number != than:
            return
        waiter = asyncio.get_running_loop().create_future()
        self._waiting.add(waiter)
        try:
            with suppress(TimeoutError):
                await asyncio.wait_for(waiter, seconds)
        finally:
            self._waiting.discard(waiter)

    def end(self) -> None:
        """Let everybody go."""
        self.ended = True
        self.announce()

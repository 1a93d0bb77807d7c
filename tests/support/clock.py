"""Clocks that tests move, or by which nobody waits."""

import asyncio

from esb.core.clock import SystemClock


class Clock:
    """A clock that a test moves."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now

    def since_1970(self) -> float:
        return 1_800_000_000 + self.now

    async def sleep(self, seconds: float) -> None:
        self.now += seconds

    def advance(self, seconds: float) -> None:
        self.now += seconds


class ImpatientClock(SystemClock):
    """The machine's clock, by which nobody waits."""

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(0)

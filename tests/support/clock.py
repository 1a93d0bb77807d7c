"""Clocks that tests move, or by which nobody waits."""

import asyncio

from esb.core.clock import SystemClock
from esb.testing.clock import Clock

__all__ = ["Clock", "ImpatientClock"]


class ImpatientClock(SystemClock):
    """The machine's clock, by which nobody waits."""

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(0)

"""The event loop's turns and its clock, moved by a test: deadlines pass without anybody waiting for them."""

import asyncio
import math
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar
from unittest.mock import patch

SLOWEST = 40.0
"""The seconds that a busy machine may take to begin something. Time goes on then: a test that hangs is to end."""
Advance = Callable[[float], None]
T = TypeVar("T")


async def turns(number: int = 5) -> None:
    """Let every task that is ready run for so many turns of the loop."""
    for _ in range(number):
        await asyncio.sleep(0)


@contextmanager
def movable_loop_time() -> Iterator[Advance]:
    """Let the running loop's time stand still; yield a function that moves it ahead, however busy the machine is.

    It starts at .25 of a second, for rounding.
    """
    loop = asyncio.get_running_loop()
    now = math.ceil(loop.time()) + 0.25

    def advance(seconds: float) -> None:
        nonlocal now
        now += seconds

    with patch.object(loop, "time", lambda: now):
        yield advance


async def late(seconds: float, work: Awaitable[T], begun: Awaitable[object]) -> T:
    """Return the result of this work if so many seconds pass once it has `begun`; nobody waits for them.

    Before that no time passes for a while, however busy the machine is. Afterwards they have passed for the rest of the
    test, too: timers set for that time would come too late otherwise.
    """
    loop = asyncio.get_running_loop()
    before = loop.time
    started = before()
    loop.time = lambda: max(started, before() - SLOWEST)  # type: ignore[method-assign]  # a loop of the test's own
    task = asyncio.ensure_future(work)
    await begun
    loop.time = lambda: before() + seconds  # type: ignore[method-assign]  # the same
    return await task


@contextmanager
def timed_turns() -> Iterator[list[float]]:
    """Yield a list that gets the seconds of CPU for which each thing that runs on an event loop holds it."""
    held: list[float] = []
    run = asyncio.Handle._run

    def timed(handle: asyncio.Handle) -> None:
        began = time.thread_time()
        run(handle)
        held.append(time.thread_time() - began)

    with patch.object(asyncio.Handle, "_run", timed):
        yield held

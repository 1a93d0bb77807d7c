"""Work that is done whenever an event is set."""

import asyncio

from esb.core.whenever import whenever
from tests.support.loop_time import turns


class Told(Exception):
    """An error of which everybody knows."""


async def test_who_asks_during_the_work_has_it_done_again_and_nobody_once_the_context_is_left() -> None:
    requested, may_end, done = asyncio.Event(), asyncio.Event(), 0

    async def work() -> None:
        nonlocal done
        await may_end.wait()
        done += 1
        raise Told

    async with whenever(requested, work, told=Told):
        requested.set()
        await turns()
        requested.set()
        await turns()
        assert done == 0
        may_end.set()
        await turns()
        assert done == 2, "an error that is told ends nothing"
    requested.set()
    await turns()
    assert done == 2


async def test_work_is_cancelled_when_the_context_is_left() -> None:
    requested, begun = asyncio.Event(), asyncio.Event()
    ended: list[str] = []

    async def work() -> None:
        begun.set()
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            ended.append("cancelled")
            raise

    async with whenever(requested, work, told=Told):
        requested.set()
        await begun.wait()
    assert ended == ["cancelled"]

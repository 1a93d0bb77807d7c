"""Deadlines of many calls: each ends at its own time, whichever ended before, and nothing is left behind."""

import asyncio
from collections.abc import Awaitable

import pytest

from esb.core.deadlines import Deadlines
from tests.support.loop_time import movable_loop_time, turns

SECONDS = 10.0


async def within(deadlines: Deadlines, work: Awaitable[object]) -> bool:
    """Return True if the deadline cut this work off."""
    task = asyncio.current_task()
    assert task is not None
    try:
        with deadlines.of(task) as deadline:
            await work
    except TimeoutError:
        assert deadline.over
        return True
    return False


async def test_each_call_has_its_own_time_and_one_timer_serves_them_all() -> None:
    deadlines = Deadlines(SECONDS)
    never: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    with movable_loop_time() as advance:
        first = asyncio.create_task(within(deadlines, asyncio.shield(never)))
        await turns()
        advance(4.0)
        answered: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        second = asyncio.create_task(within(deadlines, answered))
        third = asyncio.create_task(within(deadlines, asyncio.shield(never)))
        await turns()
        answered.set_result(None)
        assert await second is False

        advance(SECONDS - 4.0)
        assert await first is True
        await turns()
        assert not third.done()

        advance(4.0)
        assert await third is True


async def test_when_the_loop_was_held_up_a_call_has_a_moment_to_end_by_itself() -> None:
    async def ends_by_itself() -> None:
        async with asyncio.timeout(SECONDS - 0.25):
            await asyncio.Event().wait()

    deadlines = Deadlines(SECONDS)
    task = asyncio.current_task()
    assert task is not None
    with movable_loop_time() as advance:
        asyncio.get_running_loop().call_soon(advance, 2 * SECONDS)
        with pytest.raises(TimeoutError), deadlines.of(task) as deadline:
            await ends_by_itself()
        assert not deadline.over

        stubborn = asyncio.create_task(within(deadlines, asyncio.Event().wait()))
        await turns()
        advance(2 * SECONDS)
        await turns()
        assert not stubborn.done()
        advance(0.25)
        assert await stubborn is True


async def test_a_call_after_a_quiet_time_is_watched_as_well() -> None:
    deadlines = Deadlines(SECONDS)
    with movable_loop_time() as advance:
        assert await within(deadlines, turns()) is False
        advance(2 * SECONDS)
        await turns()
        late = asyncio.create_task(within(deadlines, asyncio.Event().wait()))
        await turns()
        assert not late.done()
        advance(SECONDS)
        assert await late is True


async def test_a_timeout_that_arises_inside_is_not_the_deadline() -> None:
    async def slow() -> None:
        raise TimeoutError

    task = asyncio.current_task()
    assert task is not None
    with pytest.raises(TimeoutError), Deadlines(SECONDS).of(task) as deadline:
        await slow()
    assert not deadline.over


async def test_who_is_cancelled_by_somebody_else_too_stays_cancelled() -> None:
    deadlines = Deadlines(SECONDS)
    with movable_loop_time() as advance:
        task = asyncio.create_task(within(deadlines, asyncio.Event().wait()))
        await turns()
        advance(SECONDS)
        asyncio.get_running_loop().call_soon(task.cancel)
        with pytest.raises(asyncio.CancelledError):
            await task

"""Lanes: one credential's requests do not take the others' way."""

import asyncio
import itertools
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from esb.core.errors import Limited
from esb.outgoing.bulkhead import NARROW_SECONDS, Lane, Lanes
from tests.support.clock import Clock

OTHERS = map(str, itertools.count())
"""Calls that have nothing to do with each other."""


@asynccontextmanager
async def turn(lane: Lane, call: str) -> AsyncIterator[None]:
    """On the lane from its start to its end."""
    await enter(lane, call)
    try:
        yield
    finally:
        lane.leave(call)


async def enter(lane: Lane, call: str, deadline: float | None = None) -> None:
    if not lane.enters(call):
        await lane.wait(call, deadline)


async def hold(lane: Lane, release: asyncio.Event) -> None:
    async with turn(lane, next(OTHERS)):
        await release.wait()


async def settle() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


async def test_a_full_lane_refuses_at_once_and_the_others_are_free() -> None:
    lanes = Lanes(Clock(), room=3)
    release = asyncio.Event()
    busy = [asyncio.create_task(hold(lanes.of("a"), release)) for _ in range(2)]
    await settle()

    with pytest.raises(Limited) as refused:
        async with turn(lanes.of("a"), next(OTHERS)):
            pytest.fail("the lane is full")
    async with turn(lanes.of("b"), next(OTHERS)):
        pass

    assert refused.value.retry_after == 1.0
    release.set()
    await asyncio.gather(*busy)
    async with turn(lanes.of("a"), next(OTHERS)):
        pass


async def test_a_narrowed_lane_lets_the_rest_wait_their_turn() -> None:
    clock = Clock()
    lane = Lane(clock, 10)
    release = asyncio.Event()
    first = [asyncio.create_task(hold(lane, release)) for _ in range(4)]
    await settle()
    lane.narrow()
    entered = asyncio.Event()
    later = asyncio.create_task(hold(lane, entered))
    await settle()

    assert lane.waiting == 1
    release.set()
    await asyncio.gather(*first)
    await settle()
    assert lane.waiting == 0
    entered.set()
    await later
    clock.advance(NARROW_SECONDS)
    async with turn(lane, next(OTHERS)):
        pass


async def test_who_stops_waiting_takes_no_turn_with_it() -> None:
    lane = Lane(Clock(), 10)
    release = asyncio.Event()
    first = asyncio.create_task(hold(lane, release))
    await settle()
    lane.narrow()
    leaving = asyncio.create_task(hold(lane, release))
    staying = asyncio.create_task(hold(lane, release))
    await settle()
    leaving.cancel()
    await settle()
    release.set()
    await asyncio.gather(first, staying)

    assert (lane.waiting, lane.under_way) == (0, 0)


async def test_a_turn_that_came_just_as_its_waiter_left_is_handed_on() -> None:
    lane = Lane(Clock(), 10)
    release = asyncio.Event()
    first = asyncio.create_task(hold(lane, release))
    await settle()
    lane.narrow()
    leaving = asyncio.create_task(hold(lane, release))
    staying = asyncio.create_task(hold(lane, release))
    await settle()
    release.set()
    await first
    leaving.cancel()  # its turn has been given, it has not run yet
    await asyncio.gather(staying)

    assert (lane.waiting, lane.under_way) == (0, 0)


async def test_lanes_are_bounded_and_one_in_use_is_never_dropped() -> None:
    lanes = Lanes(Clock(), room=1, size=2)
    used = lanes.of("used")
    async with turn(used, next(OTHERS)):
        for number in range(10):
            lanes.of(str(number))
        assert lanes.of("used") is used


@pytest.mark.parametrize(("room", "width"), [(1, 1), (2, 1), (5, 4), (5000, 4000)])
async def test_a_lane_is_never_closed_and_leaves_room_for_others(room: int, width: int) -> None:
    assert Lanes(Clock(), room).of("a").width == width


async def test_lanes_are_as_wide_as_the_newest_configuration_says() -> None:
    lanes = Lanes(Clock(), room=1)
    lane = lanes.of("a")
    async with turn(lane, next(OTHERS)):
        lanes.resize(5)
        async with turn(lane, next(OTHERS)):
            assert lane.under_way == 2
    assert lanes.of("b").width == 4


async def test_a_call_that_is_on_a_full_lane_waits_its_turn_and_others_are_refused() -> None:
    lane = Lane(Clock(), 1)
    done: list[int] = []

    async def send(number: int) -> None:
        async with turn(lane, "a call"):
            await settle()
            done.append(number)

    async with asyncio.TaskGroup() as group:
        for number in range(5):
            group.create_task(send(number))
        await asyncio.sleep(0)
        with pytest.raises(Limited):
            await enter(lane, "another")
        with pytest.raises(Limited):
            await enter(lane, "")

    assert done == [0, 1, 2, 3, 4]
    assert lane.is_idle
    assert lane.enters("another")


async def test_a_wait_ends_with_the_deadline_or_with_the_waiter_and_leaves_no_trace() -> None:
    lane = Lane(Clock(), 1)
    await enter(lane, "a call")

    with pytest.raises(Limited):
        await enter(lane, "a call", asyncio.get_running_loop().time() + 0.01)
    waiting = asyncio.ensure_future(enter(lane, "a call"))
    await settle()
    waiting.cancel()
    await asyncio.gather(waiting, return_exceptions=True)

    lane.leave("a call")
    assert lane.is_idle
    assert lane.under_way == 0

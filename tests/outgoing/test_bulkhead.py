"""Bulkheads: one credential's requests do not take the others' way."""

import asyncio
import itertools
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from functools import cache
from typing import Any

import pytest

from esb.core.call import App, Call, Credentials, Record
from esb.core.errors import Limited
from esb.outgoing.bulkhead import NARROW_SECONDS, Bulkhead, Bulkheads
from tests.support.clock import Clock

OTHERS = map(str, itertools.count())
"""Calls that have nothing to do with each other."""


def a_call(name: str, app: str = "") -> Call:
    """The call of this name, always the same; the id that it brings along says nothing."""
    return _made(name, app)


@cache
def _made(name: str, app: str) -> Call:
    fields: dict[str, Any] = {"headers": {}, "credentials": Credentials({}, False, None), "args": {}}
    known = App(app) if app else None
    return Call(id="0" * 32, method="POST", path="", component=name, deadline=0.0, timeout=0.0, app=known, **fields)


@asynccontextmanager
async def turn(bulkhead: Bulkhead, name: str, app: str = "") -> AsyncIterator[None]:
    """Inside from its start to its end."""
    await enter(bulkhead, name, app=app)
    try:
        yield
    finally:
        bulkhead.leave(a_call(name, app))


async def enter(bulkhead: Bulkhead, name: str, deadline: float | None = None, app: str = "") -> None:
    call = a_call(name, app)
    if not bulkhead.enters(call):
        await bulkhead.wait(call, deadline)


async def hold(bulkhead: Bulkhead, release: asyncio.Event) -> None:
    async with turn(bulkhead, next(OTHERS)):
        await release.wait()


async def settle() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


async def test_a_full_lane_refuses_at_once_and_the_others_are_free() -> None:
    bulkheads = Bulkheads(Clock(), room=3)
    release = asyncio.Event()
    busy = [asyncio.create_task(hold(bulkheads.of("a"), release)) for _ in range(2)]
    await settle()

    with pytest.raises(Limited) as refused:
        async with turn(bulkheads.of("a"), next(OTHERS)):
            pytest.fail("the bulkhead is full")
    async with turn(bulkheads.of("b"), next(OTHERS)):
        pass

    assert refused.value.retry_after == 1.0
    release.set()
    await asyncio.gather(*busy)
    async with turn(bulkheads.of("a"), next(OTHERS)):
        pass


async def test_a_narrowed_lane_lets_the_rest_wait_their_turn() -> None:
    clock = Clock()
    bulkhead = Bulkhead(clock, 10)
    release = asyncio.Event()
    first = [asyncio.create_task(hold(bulkhead, release)) for _ in range(4)]
    await settle()
    bulkhead.narrow()
    entered = asyncio.Event()
    later = asyncio.create_task(hold(bulkhead, entered))
    await settle()

    assert bulkhead.waiting == 1
    release.set()
    await asyncio.gather(*first)
    await settle()
    assert bulkhead.waiting == 0
    entered.set()
    await later
    assert bulkhead.is_idle
    clock.advance(NARROW_SECONDS)
    async with turn(bulkhead, next(OTHERS)):
        pass


async def test_once_it_is_wide_again_all_who_wait_are_let_in() -> None:
    clock, release = Clock(), asyncio.Event()
    bulkhead = Bulkhead(clock, 10)
    first = [asyncio.create_task(hold(bulkhead, release)) for _ in range(4)]
    await settle()
    bulkhead.narrow()
    later = [asyncio.create_task(hold(bulkhead, release)) for _ in range(2)]
    await settle()
    assert bulkhead.waiting == 2
    clock.advance(NARROW_SECONDS)
    release.set()
    await asyncio.gather(*first, *later)
    assert bulkhead.is_idle


async def test_who_stops_waiting_takes_no_turn_with_it() -> None:
    bulkhead = Bulkhead(Clock(), 10)
    release = asyncio.Event()
    first = asyncio.create_task(hold(bulkhead, release))
    await settle()
    bulkhead.narrow()
    leaving = asyncio.create_task(hold(bulkhead, release))
    staying = asyncio.create_task(hold(bulkhead, release))
    await settle()
    leaving.cancel()
    await settle()
    release.set()
    await asyncio.gather(first, staying)

    assert (bulkhead.waiting, bulkhead.under_way) == (0, 0)


async def test_a_turn_that_came_just_as_its_waiter_left_is_handed_on() -> None:
    bulkhead = Bulkhead(Clock(), 1, patient=True)
    await enter(bulkhead, "first")
    leaving = asyncio.create_task(enter(bulkhead, "leaving"))
    staying = asyncio.create_task(enter(bulkhead, "staying"))
    await settle()
    bulkhead.leave(a_call("first"))
    leaving.cancel()  # its turn has been given, it has not run yet
    await staying

    assert leaving.cancelled()
    assert bulkhead.under_way == 1
    bulkhead.leave(a_call("staying"))
    assert bulkhead.is_idle


async def test_who_stopped_waiting_stands_in_nobodys_way() -> None:
    bulkhead = Bulkhead(Clock(), 1, patient=True)
    await enter(bulkhead, "first")
    leaving = asyncio.create_task(enter(bulkhead, "leaving"))
    await settle()
    leaving.cancel()
    await settle()
    bulkhead.width = 2
    assert bulkhead.enters(a_call("second"))


async def test_bulkheads_are_bounded_and_one_in_use_is_never_dropped() -> None:
    bulkheads = Bulkheads(Clock(), room=1, size=2)
    used = bulkheads.of("used")
    async with turn(used, next(OTHERS)):
        for number in range(10):
            bulkheads.of(str(number))
        assert bulkheads.of("used") is used


@pytest.mark.parametrize(("room", "width"), [(1, 1), (2, 1), (5, 4), (5000, 4000)])
async def test_a_lane_is_never_closed_and_leaves_room_for_others(room: int, width: int) -> None:
    assert Bulkheads(Clock(), room).of("a").width == width


async def test_bulkheads_are_as_wide_as_the_newest_configuration_says() -> None:
    bulkheads = Bulkheads(Clock(), room=1)
    bulkhead = bulkheads.of("a")
    async with turn(bulkhead, next(OTHERS)):
        bulkheads.resize(5)
        async with turn(bulkhead, next(OTHERS)):
            assert bulkhead.under_way == 2
    assert bulkheads.of("b").width == 4


async def test_a_call_that_is_on_a_full_lane_waits_its_turn_and_others_are_refused() -> None:
    bulkhead = Bulkhead(Clock(), 1)
    done: list[int] = []

    async def send(number: int) -> None:
        async with turn(bulkhead, "a call"):
            await settle()
            done.append(number)

    async with asyncio.TaskGroup() as group:
        for number in range(5):
            group.create_task(send(number))
        await asyncio.sleep(0)
        with pytest.raises(Limited):
            await enter(bulkhead, "another")

    assert done == [0, 1, 2, 3, 4]
    assert bulkhead.is_idle
    assert bulkhead.enters(a_call("another"))


async def test_a_wait_ends_with_the_deadline_or_with_the_waiter_and_leaves_no_trace() -> None:
    bulkhead = Bulkhead(Clock(), 1)
    await enter(bulkhead, "a call")

    with pytest.raises(Limited):
        await enter(bulkhead, "a call", asyncio.get_running_loop().time() + 0.01)
    waiting = asyncio.ensure_future(enter(bulkhead, "a call"))
    await settle()
    waiting.cancel()
    await asyncio.gather(waiting, return_exceptions=True)
    assert waiting.cancelled()

    bulkhead.leave(a_call("a call"))
    assert bulkhead.is_idle
    assert bulkhead.under_way == 0


def test_half_of_those_inside_go_on_for_exactly_five_seconds(clock: Clock) -> None:
    bulkhead = Bulkhead(clock, 10)
    assert all(bulkhead.enters(a_call(str(number))) for number in range(6))
    bulkhead.narrow()
    for number in range(3):
        bulkhead.leave(a_call(str(number)))
    assert (bulkhead.under_way, bulkhead.enters(a_call("a"))) == (3, False)
    bulkhead.leave(a_call("3"))
    assert [bulkhead.enters(a_call("a")), bulkhead.enters(a_call("b"))] == [True, False]
    clock.advance(4.5)
    assert not bulkhead.enters(a_call("b"))
    clock.advance(0.5)
    assert [bulkhead.enters(a_call(str(number))) for number in range(10, 18)] == [True] * 7 + [False]


@pytest.mark.parametrize("inside", [0, 1])
def test_one_may_always_go_in(clock: Clock, inside: int) -> None:
    bulkhead = Bulkhead(clock, 10)
    for _ in range(inside):
        assert bulkhead.enters(a_call("a"))
    bulkhead.narrow()
    for _ in range(inside):
        bulkhead.leave(a_call("a"))
    assert [bulkhead.enters(a_call("b")), bulkhead.enters(a_call("b"))] == [True, False]


async def test_requests_of_no_call_are_not_one_call(clock: Clock) -> None:
    bulkhead = Bulkhead(clock, 1, "full")
    assert bulkhead.enters(None)
    with pytest.raises(Limited, match="full") as caught:
        await bulkhead.wait(None, None)
    assert caught.value.retry_after == 1.0
    assert bulkhead.waiting == 0


def test_it_is_idle_when_the_last_of_a_call_has_left(clock: Clock) -> None:
    bulkhead = Bulkhead(clock, 3)
    assert bulkhead.enters(a_call("a"))
    assert bulkhead.enters(a_call("a"))
    bulkhead.leave(a_call("a"))
    assert (bulkhead.is_idle, bulkhead.under_way) == (False, 1)
    bulkhead.leave(a_call("a"))
    assert (bulkhead.is_idle, bulkhead.under_way) == (True, 0)


def test_a_narrow_one_stays_narrow_when_it_is_given_another_room(clock: Clock) -> None:
    bulkhead = Bulkhead(clock, 10)
    assert all(bulkhead.enters(a_call(str(number))) for number in range(4))
    bulkhead.narrow()
    bulkhead.width = 20
    assert not bulkhead.enters(a_call("a"))
    bulkhead.width = 1
    for number in range(4):
        bulkhead.leave(a_call(str(number)))
    assert [bulkhead.enters(a_call("a")), bulkhead.enters(a_call("a"))] == [True, False]


def test_of_the_idle_ones_the_one_used_least_recently_goes_first(clock: Clock) -> None:
    bulkheads = Bulkheads(clock, 10, size=3)
    first, second, third = [bulkheads.of(name) for name in "abc"]
    assert first.enters(a_call("call"))
    assert bulkheads.of("b") is second
    bulkheads.of("d")  # c is idle, and was used before b
    assert (bulkheads.of("a"), bulkheads.of("b")) == (first, second)
    assert bulkheads.of("c") is not third


async def test_turns_go_to_the_app_with_the_fewest_inside_whatever_ids_its_calls_bear() -> None:
    bulkhead = Bulkhead(Clock(), 4)
    release = asyncio.Event()
    done: list[str] = []

    async def send(name: str, app: str) -> None:
        async with turn(bulkhead, name, app):
            await release.wait()
            done.append(app)

    async with asyncio.TaskGroup() as group:
        for number in range(4):
            group.create_task(send(f"flood {number}", "flood"))
        await settle()
        with pytest.raises(Limited):
            await enter(bulkhead, "one more", app="flood")
        for number in range(25):
            group.create_task(send(f"a {number}", "a"))
            group.create_task(send(f"b {number}", "b"))
        for number in range(4, 30):
            group.create_task(send(f"flood {number}", "flood"))
        await settle()
        assert bulkhead.waiting == 76
        release.set()

    assert done[:4] == ["flood"] * 4
    assert {app: done[4:34].count(app) for app in ("a", "b", "flood")} == {"a": 10, "b": 10, "flood": 10}
    assert len(done) == 80
    assert bulkhead.is_idle
    assert bulkhead.under_way == 0


async def test_an_app_lets_a_hundred_calls_wait() -> None:
    bulkhead = Bulkhead(Clock(), 1)
    await enter(bulkhead, "first", app="flood")
    waiting = [asyncio.create_task(enter(bulkhead, f"a {number}", app="a")) for number in range(100)]
    await settle()
    assert not any(task.done() for task in waiting)
    with pytest.raises(Limited):
        await enter(bulkhead, "one more", app="a")
    for task in waiting[1:]:
        task.cancel()
    await settle()

    assert bulkhead.waiting == 1
    bulkhead.leave(a_call("first", "flood"))
    await waiting[0]
    bulkhead.leave(a_call("a 0", "a"))
    assert bulkhead.is_idle


async def test_a_patient_one_refuses_nobody_and_the_apps_take_turns() -> None:
    bulkhead = Bulkhead(Clock(), 1, patient=True)
    done: list[str] = []

    async def send(name: str, app: str) -> None:
        async with turn(bulkhead, name, app):
            await settle()
            done.append(app)

    async with asyncio.TaskGroup() as group:
        for number in range(200):
            group.create_task(send(f"flood {number}", "flood"))
        await settle()
        group.create_task(send("honest", "honest"))

    assert "honest" in done[:10]  # and not behind the 200
    assert len(done) == 200 + 1


@pytest.mark.parametrize(
    ("address", "neighbour"), [("198.51.100.1", "198.51.100.1"), ("2001:db8:1:2::1", "2001:db8:1:2::ffff")]
)
async def test_before_its_app_is_known_a_call_is_of_the_site_that_it_comes_from(address: str, neighbour: str) -> None:
    bulkhead = Bulkhead(Clock(), 1)
    flood, other = (replace(a_call(name), client_ip=name) for name in (address, "198.51.100.2"))
    assert bulkhead.enters(flood)
    with pytest.raises(Limited):
        await bulkhead.wait(replace(flood, client_ip=neighbour, record=Record()), None)
    waiting = asyncio.create_task(bulkhead.wait(other, None))
    await settle()
    bulkhead.leave(flood)
    await waiting


def test_ten_thousand_credentials_have_a_bulkhead_each_and_of_more_the_idle_one_used_least_recently_goes() -> None:
    bulkheads = Bulkheads(Clock(), room=3)
    first, second = bulkheads.of("0"), bulkheads.of("1")
    for number in range(2, 10_000):
        bulkheads.of(str(number))
    assert bulkheads.of("0") is first
    bulkheads.of("one more")
    assert bulkheads.of("0") is first
    assert bulkheads.of("1") is not second


async def test_a_second_request_of_a_call_that_waited_is_inside_until_it_leaves() -> None:
    bulkhead = Bulkhead(Clock(), 2)
    await enter(bulkhead, "a")
    await enter(bulkhead, "b")
    second = asyncio.create_task(enter(bulkhead, "a"))
    await settle()
    bulkhead.leave(a_call("b"))
    await second
    bulkhead.leave(a_call("a"))
    assert (bulkhead.is_idle, bulkhead.under_way) == (False, 1)
    bulkhead.leave(a_call("a"))
    assert (bulkhead.is_idle, bulkhead.under_way) == (True, 0)


async def test_of_several_who_are_let_in_at_once_each_counts_for_the_next(clock: Clock) -> None:
    bulkhead = Bulkhead(clock, 5)
    for name, app in (("x 0", "x"), ("x 1", "x"), ("x 2", "x"), ("a 0", "a"), ("a 1", "a")):
        await enter(bulkhead, name, app=app)
    bulkhead.narrow()
    entered: list[str] = []

    async def come(name: str) -> None:
        await enter(bulkhead, name, app=name[0])
        entered.append(name)

    waiting = [asyncio.create_task(come(name)) for name in ("b 1", "b 2", "b 3", "a 2", "a 3")]
    await settle()
    for number in range(2):
        bulkhead.leave(a_call(f"x {number}", "x"))
    assert bulkhead.waiting == 5
    clock.advance(NARROW_SECONDS)
    bulkhead.leave(a_call("x 2", "x"))
    await settle()
    assert entered == ["b 1", "b 2", "a 2"]
    for task in waiting:
        task.cancel()
    await asyncio.gather(*waiting, return_exceptions=True)


async def test_a_call_leaves_beside_one_that_has_two_requests_inside() -> None:
    bulkhead = Bulkhead(Clock(), 5)
    for name in ("two", "two", "one"):
        assert bulkhead.enters(a_call(name))
    bulkhead.leave(a_call("one"))
    assert bulkhead.under_way == 2
    for _ in range(2):
        bulkhead.leave(a_call("two"))
    assert bulkhead.under_way == 0
    assert bulkhead.is_idle

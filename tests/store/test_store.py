"""The contract of every store, in memory and in Redis: the same tests for both."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from types import SimpleNamespace
from uuid import uuid4

import pytest

from esb.core.events import Observer
from esb.store import redis_copies
from esb.store.encryption import ValueCipher
from esb.store.memory import MemoryStore
from esb.store.protocol import Rule, Store, StoreReader
from esb.store.redis import RedisStore
from esb.testing.redis_server import KEY
from tests.support.clock import Clock
from tests.support.loop_time import turns
from tests.support.servers.redis_server import RedisServer, patience

UNIT = 10.0
"""Seconds, more than any machine takes for a few commands."""
Wait = Callable[[float], Awaitable[None]]


@dataclass
class World:
    """A store, and `wait`, after which so many seconds have passed in it."""

    store: Store
    other: Store
    """The same store, as another process sees it."""
    wait: Wait
    heard: list[tuple[str, str]] = field(default_factory=list)

    def hear(self, key: str, version: str) -> None:
        self.heard.append((key, version))


def in_memory() -> World:
    clock = Clock()
    store = MemoryStore(clock, 1000)

    async def wait(seconds: float) -> None:
        clock.advance(seconds)

    return World(store, store, wait)


def in_redis(server: RedisServer, monkeypatch: pytest.MonkeyPatch) -> World:
    prefix = f"{uuid4()}:"
    one, other = (RedisStore(server.url, prefix, ValueCipher([KEY]), Observer()) for _ in range(2))
    passed = 0.0

    async def wait(seconds: float) -> None:
        nonlocal passed
        passed += seconds
        server.age(prefix, seconds)

    monkeypatch.setattr(redis_copies, "time", SimpleNamespace(monotonic=lambda: time.monotonic() + passed))
    return World(one, other, wait)


@pytest.fixture(params=["memory", "redis"])
async def world(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[World]:
    redis = request.param == "redis"
    made = in_redis(request.getfixturevalue("redis"), monkeypatch) if redis else in_memory()
    async with AsyncExitStack() as stack:
        stack.enter_context(patience())
        for store in (made.store, made.other):
            await store.open()
            stack.push_async_callback(store.close)
        yield made


async def test_a_key_is_new_once_for_all_processes(world: World) -> None:
    told = [await world.store.add("nonce:a", 60), await world.other.add("nonce:a", 60)]
    assert [*told, await world.other.add("nonce:b", 60)] == [True, False, True]


async def test_of_many_at_once_one_is_told_that_the_key_is_new(world: World) -> None:
    stores = [world.store, world.other] * 100
    assert sum(await asyncio.gather(*(store.add("nonce:a", 60) for store in stores))) == 1


async def test_a_key_is_forgotten_at_its_time_and_not_kept_longer_for_being_asked_about(world: World) -> None:
    await world.store.add("nonce:a", 4 * UNIT)
    await world.wait(2 * UNIT)
    assert not await world.store.add("nonce:a", 4 * UNIT)
    await world.wait(2.2 * UNIT)
    assert await world.store.add("nonce:a", 4 * UNIT)


async def test_a_value_is_kept_for_its_time(world: World) -> None:
    assert await world.store.get("gate:a") is None
    await world.store.put("gate:a", b"\x00value", 4 * UNIT)
    kept = await world.store.get("gate:a")
    assert kept is not None
    assert kept.value == b"\x00value"
    assert 2 * UNIT < kept.seconds <= 4 * UNIT
    await world.wait(4.2 * UNIT)
    assert await world.store.get("gate:a") is None


async def test_the_last_value_counts(world: World) -> None:
    await world.store.put("gate:a", b"one", 60)
    await world.other.put("gate:a", b"two", 60)
    kept = await world.store.get("gate:a", strict=True)
    assert kept is not None
    assert kept.value == b"two"


async def test_a_change_is_heard_by_all_and_a_copy_is_not_used_after_it(world: World) -> None:
    await world.store.watch(world.hear)
    await world.other.put("gate:a", b"one", 60)
    await world.other.put("pace:a", b"of no interest", 60)
    first = await world.store.get("gate:a")
    await world.store.get("gate:a")
    await world.other.put("gate:a", b"two", 60)
    await _until(lambda: len([key for key, _ in world.heard if key == "gate:a"]) == 2)
    second = await world.store.get("gate:a")
    assert first is not None
    assert second is not None
    assert second.value == b"two"
    assert [pair for pair in world.heard if pair[0]] == [("gate:a", first.version), ("gate:a", second.version)]


async def test_what_this_process_changed_it_knows_at_once(world: World) -> None:
    assert await world.store.get("gate:a") is None  # there may be a copy of nothing now
    await world.store.put("gate:a", b"one", 60)
    kept = await world.store.get("gate:a")
    assert kept is not None
    await world.store.drop("gate:a", kept.version)
    assert await world.store.get("gate:a") is None


async def test_of_many_who_claim_a_key_one_gets_it(world: World) -> None:
    stores = [world.store, world.other] * 50
    swaps = await asyncio.gather(*(s.swap("lock:a", "", b"%d" % n, 60) for n, s in enumerate(stores)))
    (ours,) = [swap for swap in swaps if swap.done]
    assert {swap.kept.value for swap in swaps} == {ours.kept.value}
    assert {swap.kept.version for swap in swaps} == {ours.kept.version}


async def test_a_claim_ends_by_itself(world: World) -> None:
    assert (await world.store.swap("lock:a", "", b"one", 2 * UNIT)).done
    assert not (await world.other.swap("lock:a", "", b"two", 2 * UNIT)).done
    await world.wait(2.2 * UNIT)
    assert (await world.other.swap("lock:a", "", b"two", 60)).done


async def test_who_outlived_a_claim_takes_nothing_away_from_the_next(world: World) -> None:
    late = await world.store.swap("lock:a", "", b"one", UNIT)
    await world.wait(1.4 * UNIT)
    next_one = await world.other.swap("lock:a", "", b"two", 60)
    assert not await world.store.drop("lock:a", late.kept.version)
    swapped = await world.store.swap("lock:a", late.kept.version, b"late", 60)
    assert (swapped.done, swapped.kept.value) == (False, b"two")
    assert await world.other.drop("lock:a", next_one.kept.version)


async def test_a_swap_replaces_the_version_that_was_seen(world: World) -> None:
    one = await world.store.swap("token:a", "", b"one", 60)
    two = await world.other.swap("token:a", one.kept.version, b"two", 60)
    three = await world.store.swap("token:a", one.kept.version, b"three", 60)
    assert (one.done, two.done, three.done) == (True, True, False)
    assert three.kept.value == b"two"


async def test_a_version_is_dropped_once(world: World) -> None:
    swapped = await world.store.swap("token:a", "", b"one", 60)
    version = swapped.kept.version
    assert not await world.store.drop("token:a", "another")
    assert sum(await asyncio.gather(*(store.drop("token:a", version) for store in [world.store, world.other]))) == 1
    assert await world.store.get("token:a", strict=True) is None


async def reserve(
    store: Store, *keys: str, times: int = 1, limit: int = 2, patience: float = 0.0, held: float = 0.0
) -> list[float]:
    names = [f"pace:{key}" for key in keys]
    waits, _ = await store.reserve(names, times=times, limit=limit, seconds=60, patience=patience, held=held)
    return waits


async def test_places_are_taken_in_the_future_when_now_is_full(world: World) -> None:
    assert await reserve(world.store, "a", "b", times=2) == [0, 0]
    for store in (world.other, world.store):
        assert await reserve(store, "a", "b", patience=100, held=100) == pytest.approx([60, 60], abs=10)
    assert await reserve(world.store, "a", "b", patience=100, held=100) == pytest.approx([160, 160], abs=10)
    assert await reserve(world.store, "a", "c", limit=4) == pytest.approx([60, 0], abs=10)


async def test_who_is_not_patient_takes_no_place(world: World) -> None:
    assert await reserve(world.store, "a", limit=1) == [0]
    assert await reserve(world.store, "a", limit=1, patience=40) == pytest.approx([60], abs=10)
    # the place that nobody took before
    assert await reserve(world.store, "a", limit=1, patience=61, held=70) == pytest.approx([60], abs=10)
    assert await reserve(world.store, "a", limit=1, patience=61) == pytest.approx([130], abs=10)


async def test_places_leave_with_their_window(world: World) -> None:
    async def taken() -> float:
        window = 4 * UNIT
        (wait,), _ = await world.store.reserve(["pace:a"], times=1, limit=2, seconds=window, patience=0, held=0)
        return wait

    assert [await taken(), await taken()] == [0, 0]
    assert await taken() > 0
    await world.wait(4.2 * UNIT)
    assert await taken() == 0


async def test_a_place_counts_from_the_end_of_its_use(world: World) -> None:
    keys = [f"pace:{number}" for number in range(300)]  # more than a server works on in one step
    _, place = await world.store.reserve(keys, times=2, limit=2, seconds=60, patience=0, held=30)
    assert await reserve(world.other, "0", "299") == pytest.approx([90, 90], abs=10)
    await world.other.settle(keys, place, 2)
    async with asyncio.timeout(120):
        while (waits := await reserve(world.store, "0", "150", "299", times=2))[2] > 61:
            await turns()

    assert waits == pytest.approx([60, 60, 60], abs=10)


async def test_a_place_that_the_store_does_not_know_is_settled_without_harm(world: World) -> None:
    for place in (12345, 12345.6):
        await world.store.settle(["pace:a"], place, 1)
    await turns()
    assert await reserve(world.store, "a", times=2) == [0]


async def test_no_more_than_the_limit_is_taken_however_many_come_at_once(world: World) -> None:
    rules = [Rule(37, 60)]
    taken = await asyncio.gather(*(store.take("rate:a", rules) for store in [world.store, world.other] * 100))
    assert sum(not one.over for one in taken) == 37
    assert sorted(one.windows[0].left for one in taken if not one.over) == list(range(37))


async def test_all_rules_must_allow_and_what_one_refuses_counts_for_none(world: World) -> None:
    rules = [Rule(3, 100 * UNIT), Rule(2, 4 * UNIT)]
    first, second, third = [await world.store.take("rate:a", rules) for _ in range(3)]
    assert [window.left for window in first.windows] == [2, 1]
    assert [window.left for window in second.windows] == [1, 0]
    assert third.over == (1,)
    assert [window.left for window in third.windows] == [1, 0]
    assert 0 < third.windows[1].seconds <= 4 * UNIT
    await world.wait(4.4 * UNIT)
    assert (await world.store.take("rate:a", rules)).over == ()
    assert (await world.store.take("rate:a", rules)).over == (0,)


async def test_a_window_moves_and_does_not_start_anew(world: World) -> None:
    rules = [Rule(2, 10 * UNIT)]
    await world.store.take("rate:a", rules)
    await world.wait(6 * UNIT)
    await world.store.take("rate:a", rules)
    await world.wait(5 * UNIT)  # the first has left, the second has not
    assert (await world.store.take("rate:a", rules)).over == ()
    assert (await world.store.take("rate:a", rules)).over == (0,)


async def test_keys_count_for_themselves(world: World) -> None:
    assert [(await world.store.take(key, [Rule(1, 60)])).over for key in ("rate:a", "rate:b")] == [(), ()]


async def test_what_is_given_back_may_be_taken_again(world: World) -> None:
    rules = [Rule(1, 60)]
    await world.store.take("failures:a", rules)
    await world.other.give_back("failures:a")
    await world.other.give_back("failures:a")  # there is nothing any more
    assert (await world.store.take("failures:a", rules)).over == ()
    assert (await world.store.take("failures:a", rules)).over == (0,)


async def _until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(30):
        while not condition():  # noqa: ASYNC110 - nobody tells it
            await asyncio.sleep(0.005)


async def test_windows_and_reservations_are_read_without_taking_any(world: World) -> None:
    store, other = world.store, world.other
    assert isinstance(store, StoreReader)
    assert isinstance(other, StoreReader)
    rules = [Rule(3, 100 * UNIT), Rule(2, 4 * UNIT)]
    assert [window.left for window in await store.windows("rate:a", rules)] == [3, 2]
    taken = await store.take("rate:a", rules)
    for _ in range(3):
        windows = await other.windows("rate:a", rules)
        assert [window.left for window in windows] == [window.left for window in taken.windows] == [2, 1]
        assert 0 < windows[1].seconds <= 4 * UNIT
    await world.wait(4.4 * UNIT)
    assert [window.left for window in await other.windows("rate:a", rules)] == [2, 2]

    await store.reserve(["pace:a", "pace:b"], times=2, limit=3, seconds=60, patience=0, held=30)
    for _ in range(2):
        assert [*await other.reserved(["pace:a", "pace:b", "pace:c"], 60)] == [2, 2, 0]
    assert await reserve(other, "a", times=1, limit=3) == [0]

"""The store in memory: what it promises to remember it does remember, and it does not grow beyond its size."""

import asyncio
from contextlib import suppress
from pathlib import Path
from random import Random

import pytest

from esb.config import load
from esb.core.errors import ConfigError, UpstreamError
from esb.gateway.app import create_app
from esb.store.memory import MOST_BYTES, MemoryStore
from esb.store.memory_values import OVERHEAD
from esb.store.protocol import Rule, ShareFull
from tests.support.clock import Clock
from tests.support.identity import configuration


async def test_a_key_is_new_once(clock: Clock) -> None:
    store = MemoryStore(clock, 10)
    assert [await store.add("a", 60), await store.add("a", 60), await store.add("b", 60)] == [True, False, True]


async def test_of_many_at_once_one_is_told_that_the_key_is_new(clock: Clock) -> None:
    store = MemoryStore(clock, 10)
    told = await asyncio.gather(*(store.add("a", 60) for _ in range(50)))
    assert sorted(told) == [False] * 49 + [True]


async def test_a_key_is_forgotten_at_its_time_and_not_before(clock: Clock) -> None:
    store = MemoryStore(clock, 10)
    await store.add("a", 60)
    clock.advance(59.9)
    assert not await store.add("a", 60)
    clock.advance(0.1)
    assert await store.add("a", 60)


async def test_a_receipt_of_nobody_settles_nothing(clock: Clock) -> None:
    store = MemoryStore(clock, 10)
    receipts = []
    for held in (100.0, 50.0):
        _, receipt = await store.reserve(["a"], times=1, limit=9, seconds=60, patience=0, held=held)
        receipts.append(receipt)
    kept = list(store._reserved["a"])
    for unknown in (receipts[1] - 1, receipts[1] + 1, receipts[0] + 1):
        await store.settle(["a", "b"], unknown, 1)
    assert store._reserved["a"] == kept
    await store.settle(["a"], receipts[1], 1)
    assert store._reserved["a"] == [clock(), receipts[0]]


async def test_a_known_key_is_not_kept_longer_for_being_asked_about(clock: Clock) -> None:
    store = MemoryStore(clock, 10)
    await store.add("a", 60)
    clock.advance(30)
    await store.add("a", 60)
    clock.advance(30)
    assert await store.add("a", 60)


async def test_a_full_store_refuses_rather_than_forgets(clock: Clock) -> None:
    store = MemoryStore(clock, 2)
    await store.add("a", 60)
    await store.add("b", 30)
    with pytest.raises(UpstreamError) as error:
        await store.add("c", 60)
    assert (error.value.system, error.value.interface) == ("store", "add")
    assert not error.value.sent
    assert not await store.add("a", 60)
    assert not await store.add("b", 60)


async def test_what_has_expired_makes_room(clock: Clock) -> None:
    store = MemoryStore(clock, 2)
    await store.add("a", 60)
    await store.add("b", 30)
    clock.advance(30)
    assert await store.add("c", 60)
    assert not await store.add("a", 60)
    with pytest.raises(UpstreamError):
        await store.add("d", 60)


async def test_a_key_added_anew_survives_the_end_of_its_first_time(clock: Clock) -> None:
    store = MemoryStore(clock, 10)
    for key in ("x", "y", "z", "a"):
        await store.add(key, 10)
    clock.advance(10)
    await store.add("a", 60)  # its first entry is not purged yet
    for key in ("k", "l", "m"):
        await store.add(key, 60)
    assert not await store.add("a", 60)


async def test_keys_that_come_and_expire_do_not_pile_up(clock: Clock) -> None:
    store = MemoryStore(clock, 100)
    for number in range(5000):
        clock.advance(1)
        assert await store.add(str(number), 50)


async def test_an_app_that_fills_its_share_is_refused_and_others_are_not(clock: Clock) -> None:
    store = MemoryStore(clock, 100)
    for number in range(50):
        assert await store.add(f"nonce:a:{number}", 60 + number)
    with pytest.raises(ShareFull) as full:
        await store.add("nonce:a:50", 60)
    assert full.value.seconds == 60
    assert str(full.value) == "the share of this app is full for 60 seconds"
    assert not await store.add("nonce:a:0", 60)
    assert all([await store.add(f"nonce:b:{number}", 60) for number in range(25)])
    with pytest.raises(ShareFull):
        await store.add("nonce:b:25", 60)
    assert await store.add("nonce:c:0", 60)
    clock.advance(110)
    assert all([await store.add(f"nonce:a:{number}", 60) for number in range(50)])


async def test_however_many_apps_fill_their_shares_another_one_finds_room(clock: Clock) -> None:
    store = MemoryStore(clock, 1000)
    for app in range(8):  # by then each finds room for a few keys only
        await fill(store, app)
    assert await store.add("nonce:other:0", 60)


async def fill(store: MemoryStore, app: int) -> None:
    with suppress(ShareFull):
        for number in range(1000):
            await store.add(f"nonce:{app}:{number}", 60)
        pytest.fail("an app may have all keys")


async def test_what_an_app_left_behind_makes_room_for_others(clock: Clock) -> None:
    store = MemoryStore(clock, 100)
    for number in range(50):
        await store.add(f"nonce:a:{number}", 60)
    clock.advance(60)
    assert all([await store.add(f"nonce:b:{number}", 600) for number in range(50)])


async def test_apps_that_never_come_again_make_room_one_after_the_other(clock: Clock) -> None:
    store = MemoryStore(clock, 100)
    await store.add("nonce:a:0", 60)
    for number in range(40):
        await store.add(f"nonce:b:{number}", 60)
    clock.advance(60)
    assert all([await store.add(f"nonce:c:{number}", 600) for number in range(45)])


async def test_an_app_whose_keys_have_just_ended_is_not_refused(clock: Clock) -> None:
    store = MemoryStore(clock, 100)
    for number in range(40):
        await store.add(f"rate:{number}", 600)
    for number in range(30):
        await store.add(f"nonce:a:{number}", 60)
    for number in range(40, 44):
        await store.add(f"rate:{number}", 600)
    clock.advance(60)
    assert await store.add("nonce:a:30", 60)


async def test_a_key_is_remembered_for_as_long_as_it_would_be_refused(clock: Clock) -> None:
    store = MemoryStore(clock, 10)
    assert not store.remembers("a")
    await store.add("a", 60)
    clock.advance(59.9)
    assert store.remembers("a")
    assert not store.remembers("b")
    clock.advance(0.1)
    assert not store.remembers("a")


def test_a_mistake_in_its_stanza_is_told_with_all_others(tmp_path: Path) -> None:
    path = tmp_path / "esb.yaml"
    path.write_text(configuration("  store: {use: memory, config: {max_keys: 0}}\n  users: {use: statik}\n"))
    with pytest.raises(ConfigError) as error:
        create_app(load(path, {}))
    keys = [mistake.key for mistake in error.value.mistakes]
    assert keys == ["services.store.config.max_keys", "services.users.use"]


def test_a_store_of_ones_own_may_stand_beside_the_config(tmp_path: Path) -> None:
    (tmp_path / "own_store_beside.py").write_text(
        "from esb.contracts.lifecycle import NoConfig\n"
        "from esb.store.memory import MemoryStore\n"
        "class Own(MemoryStore):\n"
        "    config_type = NoConfig\n"
        "    def __init__(self, config, services): super().__init__(services.clock, 10)\n"
    )
    path = tmp_path / "esb.yaml"
    path.write_text(configuration('  store: {use: "own_store_beside:Own"}\n'))
    create_app(load(path, {}))


async def test_values_are_bounded_by_their_bytes_too(clock: Clock) -> None:
    store = MemoryStore(clock, 1_000_000)
    answer = b"x" * 2**20
    for number in range(100):
        await store.put(str(number), answer, 60)

    assert await store.get("0") is None
    assert await store.get("99") is not None
    assert sum([await store.get(str(number)) is not None for number in range(100)]) * len(answer) <= MOST_BYTES


async def test_10_000_short_answers_are_all_remembered(clock: Clock) -> None:
    store = MemoryStore(clock, 1_000_000)
    for number in range(10_000):
        await store.put(str(number), b"x" * 500, 60)

    assert all([await store.get(str(number)) is not None for number in range(10_000)])


async def test_what_is_larger_than_the_memory_is_not_kept(clock: Clock) -> None:
    store = MemoryStore(clock, 1_000_000)
    await store.put("a", b"x" * (MOST_BYTES + 1), 60)

    assert await store.get("a") is None


def test_who_accepts_that_each_process_counts_for_itself_says_so(tmp_path: Path) -> None:
    path = tmp_path / "esb.yaml"
    path.write_text(configuration("  store: {use: memory, config: {per_process: accept}}\n"))
    create_app(load(path, {}))
    path.write_text(configuration("  store: {use: memory, config: {per_process: true}}\n"))
    with pytest.raises(ConfigError) as error:
        create_app(load(path, {}))
    assert [mistake.key for mistake in error.value.mistakes] == ["services.store.config.per_process"]


@pytest.mark.parametrize(("longer", "is_kept"), [(0, True), (1, False)])
async def test_values_take_64_megabytes_at_most(clock: Clock, longer: int, is_kept: bool) -> None:
    store = MemoryStore(clock, 1_000_000)
    await store.put("a", bytes(64 * 2**20 - OVERHEAD + longer), 60)
    assert (await store.get("a") is not None) is is_kept


async def test_a_small_store_is_small_in_every_part(clock: Clock) -> None:
    store = MemoryStore(clock, 2)
    for key in "abc":
        await store.put(key, b"", 60)
        await store.take(key, [Rule(9, 60)])
        await store.reserve([key], times=3, limit=3, seconds=60, patience=0, held=0)
    assert [await store.get(key) is not None for key in "abc"] == [False, True, True]
    assert (await store.take("c", [Rule(9, 60)])).windows[0].left == 7
    assert (await store.take("a", [Rule(9, 60)])).windows[0].left == 8
    assert await reserve(store, "c", patience=0) == [60]
    assert await reserve(store, "a", patience=0) == [0]


async def test_a_large_store_counts_permits_of_100_000_keys(clock: Clock) -> None:
    store = MemoryStore(clock, 1_000_000)
    keys = list(map(str, range(100_001)))
    await store.reserve(keys[:-1], times=3, limit=3, seconds=60, patience=0, held=0)
    assert await reserve(store, "0", patience=0) == [60]  # which is the one used last now
    await store.reserve(keys[-1:], times=3, limit=3, seconds=60, patience=0, held=0)
    assert await reserve(store, "0", "2", patience=0) == [60, 60]
    assert await reserve(store, "1", patience=0) == [0]


# Permits in a window of time


async def reserve(
    store: MemoryStore, *keys: str, times: int = 1, patience: float = 1000.0, held: float = 0.0
) -> list[float]:
    waits, _ = await store.reserve(keys, times=times, limit=3, seconds=60, patience=patience, held=held)
    return waits


async def test_a_place_counts_for_its_window_after_the_time_for_which_it_is_held() -> None:
    clock = Clock()
    store = MemoryStore(clock, 100)

    assert [await reserve(store, "a", held=30) for _ in range(4)] == [[0], [0], [0], [90]]
    assert await reserve(store, "b") == [0]
    clock.advance(89)
    assert await reserve(store, "a", patience=0) == [1]
    clock.advance(1)
    assert await reserve(store, "a") == [0]


async def test_a_place_that_is_settled_counts_from_then_on() -> None:
    clock = Clock()
    store = MemoryStore(clock, 100)
    places = []
    for _ in range(3):
        clock.advance(1)
        _, place = await store.reserve(["a", "b"], times=1, limit=3, seconds=60, patience=0, held=30)
        places.append(place)
    clock.advance(1)
    await store.settle(["a"], places[1], 1)

    assert await reserve(store, "a", "b", patience=0) == [60, 87]
    clock.advance(20)
    await store.settle(["a"], places[0], 1)
    assert await reserve(store, "a", patience=0) == [40]
    assert await reserve(store, "a", times=2, patience=0) == [60]


async def test_a_place_that_nobody_knows_any_more_is_settled_without_harm() -> None:
    clock = Clock()
    store = MemoryStore(clock, 100)
    _, place = await store.reserve(["a"], times=1, limit=3, seconds=60, patience=0, held=1)
    clock.advance(61)
    await reserve(store, "a", times=3)
    await store.settle(["a", "never"], place, 1)

    assert await reserve(store, "a", patience=0) == [60]
    _, place = await store.reserve(["b"], times=3, limit=3, seconds=60, patience=0, held=30)
    await store.settle(["never", "b"], place, 3)
    assert await reserve(store, "b", patience=0) == [60]


async def test_a_place_that_comes_too_late_is_not_taken() -> None:
    store = MemoryStore(Clock(), 100)
    await reserve(store, "a", times=3)

    assert [await reserve(store, "a", patience=10) for _ in range(2)] == [[60], [60]]
    assert await reserve(store, "a") == [60]


async def test_several_places_at_once_come_with_the_last() -> None:
    clock = Clock()
    store = MemoryStore(clock, 100)
    for _ in range(3):
        await reserve(store, "a")
        clock.advance(1)

    assert await reserve(store, "a", times=2, patience=0) == [58]
    assert await reserve(store, "a", times=3, patience=0) == [59]


@pytest.mark.parametrize("seed", range(20))
async def test_no_window_ever_holds_more_than_the_limit_however_late_messages_arrive(seed: int) -> None:
    clock, chance = Clock(), Random(seed)
    store = MemoryStore(clock, 100)
    arrived: list[float] = []
    under_way: list[tuple[float, float]] = []
    for _ in range(300):
        clock.advance(chance.expovariate(0.5))
        for ends, place in [each for each in under_way if each[0] <= clock.now]:
            await store.settle(["a"], place, 1)
            under_way.remove((ends, place))
        (wait,), place = await store.reserve(["a"], times=1, limit=3, seconds=60, patience=20, held=25)
        if wait > 20:
            continue
        ends = chance.uniform(clock.now + wait, clock.now + 25)
        arrived.append(chance.uniform(clock.now + wait, ends))
        if chance.random() < 0.8:  # the others get no answer
            under_way.append((ends, place))
    arrived.sort()

    assert len(arrived) > 20
    assert all(later - earlier >= 60 for earlier, later in zip(arrived, arrived[3:], strict=False))

"""The memory that a process falls back on while its shared store is away, and its end when the store is back."""

from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from esb.store.fallback import Fallback
from esb.store.memory import MemoryStore
from esb.store.protocol import Rule, StoreAway
from tests.support.clock import Clock

Use = Callable[[Fallback, str], Awaitable[Any]]
RULES = [Rule(1, 60)]
CALLS = {"add", "put", "get", "swap", "drop", "reserve", "take", "give_back", "windows", "reserved"}


class Remote(MemoryStore):
    """A store that can be away."""

    def __init__(self, clock: Clock) -> None:
        super().__init__(clock, 1000)
        self.away = False

    def __getattribute__(self, name: str) -> Any:
        if name in CALLS and self.away:
            raise StoreAway("store", name, "away", sent=False)
        return super().__getattribute__(name)


@pytest.fixture
def remote(clock: Clock) -> Remote:
    return Remote(clock)


@pytest.fixture
def store(remote: Remote, clock: Clock) -> Fallback:
    return Fallback(remote, MemoryStore(clock, 1000), {"gate", "rate"})


async def reserve(store: Fallback, key: str) -> list[float]:
    waits, _ = await store.reserve([key], times=1, limit=1, seconds=60, patience=90, held=30)
    return waits


def test_it_is_shared_as_its_store_is(store: Fallback) -> None:
    assert store.shared


@pytest.mark.parametrize("strict", [False, True])
async def test_who_wants_no_copy_gets_none(
    store: Fallback, remote: Remote, monkeypatch: pytest.MonkeyPatch, strict: bool
) -> None:
    asked: list[bool] = []

    async def get(key: str, *, strict: bool = False) -> None:
        asked.append(strict)

    monkeypatch.setattr(remote, "get", get)
    assert await store.get("gate:a", strict=strict) is None
    assert asked == [strict]


USES: dict[str, Use] = {
    "add": lambda store, key: store.add(key, 60),
    "put": lambda store, key: store.put(key, b"v", 60),
    "get": lambda store, key: store.get(key),
    "swap": lambda store, key: store.swap(key, "", b"v", 60),
    "reserve": reserve,
    "take": lambda store, key: store.take(key, RULES),
    "give_back": lambda store, key: store.give_back(key),
}


@pytest.mark.parametrize("use", USES)
async def test_only_what_was_agreed_upon_goes_on_while_the_store_is_away(
    store: Fallback, remote: Remote, use: str
) -> None:
    remote.away = True
    await USES[use](store, "gate:a")
    with pytest.raises(StoreAway):
        await USES[use](store, "token:a")


async def test_a_drop_that_only_the_store_could_do_is_an_error_while_it_is_away(
    store: Fallback, remote: Remote
) -> None:
    claim = await store.swap("token:a", "", b"v", 60)
    remote.away = True
    with pytest.raises(StoreAway):
        await store.drop("token:a", claim.kept.version)
    assert not await store.drop("gate:a", claim.kept.version)


async def test_what_was_added_meanwhile_is_not_new_when_the_store_is_back(store: Fallback, remote: Remote) -> None:
    remote.away = True
    assert [await store.add("gate:a", 60) for _ in range(2)] == [True, False]
    remote.away = False
    assert not await store.add("gate:a", 60)
    assert await store.add("gate:b", 60)
    assert not await store.add("gate:b", 60)


async def test_what_was_put_meanwhile_is_found_when_the_store_is_back(store: Fallback, remote: Remote) -> None:
    remote.away = True
    await store.put("gate:a", b"ours", 60)
    for remote.away in (True, False):
        kept = await store.get("gate:a")
        assert kept is not None
        assert kept.value == b"ours"
    await store.put("gate:a", b"theirs", 60)
    kept = await store.get("gate:a")
    assert kept is not None
    assert kept.value == b"theirs"


async def test_what_was_claimed_meanwhile_is_held_when_the_store_is_back(store: Fallback, remote: Remote) -> None:
    remote.away = True
    claim = await store.swap("gate:a", "", b"ours", 60)
    remote.away = False
    other = await store.swap("gate:a", "", b"another", 60)
    assert (claim.done, other.done, other.kept.value) == (True, False, b"ours")
    settled = await store.swap("gate:a", claim.kept.version, b"answer", 60)
    assert settled.done
    kept = await remote.get("gate:a")
    assert kept is not None
    assert kept.value == b"answer"
    assert await store.drop("gate:a", settled.kept.version)
    assert await store.get("gate:a") is None


async def test_a_claim_of_while_it_was_away_can_be_given_up_on_either_side(store: Fallback, remote: Remote) -> None:
    for away in (True, False):
        remote.away = True
        claim = await store.swap("gate:a", "", b"ours", 60)
        remote.away = away
        assert await store.drop("gate:a", claim.kept.version)
        assert not await store.drop("gate:a", claim.kept.version)
        assert await store.get("gate:a") is None


async def test_meanwhile_each_process_counts_for_itself(store: Fallback, remote: Remote) -> None:
    remote.away = True
    assert [await reserve(store, "gate:a") for _ in range(2)] == [[0.0], [90.0]]
    assert [(await store.take("rate:a", RULES)).over for _ in range(2)] == [(), (0,)]
    await store.give_back("rate:a")
    assert (await store.take("rate:a", RULES)).over == ()
    remote.away = False
    assert (await store.take("rate:a", RULES)).over == ()
    await store.give_back("rate:a")
    assert (await store.take("rate:a", RULES)).over == ()
    assert (await store.take("rate:a", RULES)).over == (0,)


async def test_a_permit_is_settled_where_it_was_given_out(store: Fallback, remote: Remote, clock: Clock) -> None:
    for remote.away in (False, True):
        _, receipt = await store.reserve(["gate:a"], times=2, limit=2, seconds=60, patience=0, held=30)
        clock.advance(10)
        await store.settle(["gate:a"], receipt, 2)
        assert await reserve(store, "gate:a") == [60]


async def test_what_is_left_is_told_by_whoever_counts(store: Fallback, remote: Remote) -> None:
    await store.take("rate:a", RULES)
    assert [window.left for window in await store.windows("rate:a", RULES)] == [0]
    remote.away = True
    assert [window.left for window in await store.windows("rate:a", RULES)] == [1]
    await reserve(store, "gate:a")
    assert await store.reserved(["gate:a"], 60) == [1]
    for look in (store.windows("pace:a", RULES), store.reserved(["pace:a"], 60)):
        with pytest.raises(StoreAway):
            await look
    remote.away = False
    assert await store.reserved(["gate:a"], 60) == [0]

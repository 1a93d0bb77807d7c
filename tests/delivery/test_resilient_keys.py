"""Keys of a durable place, copied here: what a process knows while that is away, and what it writes there after."""

import asyncio
from typing import Any

import pytest

from esb.core.events import Crashed, Event, Observer
from esb.delivery.resilient_keys import ResilientKeys
from esb.store.kept_keys import Found, Held, Unprotected, Wanted
from esb.store.memory import MemoryStore
from esb.store.protocol import StoreAway
from esb.store.store_keys import StoreKeys
from tests.support.clock import Clock
from tests.support.loop_time import turns

DAY = 24 * 3600.0
ANSWER = b'{"result":true}'


class Remote(MemoryStore):
    """A store that all processes share, and that can be away."""

    shared = True

    def __init__(self, clock: Clock) -> None:
        super().__init__(clock, 1000)
        self.away = False

    def __getattribute__(self, name: str) -> Any:
        if name in {"swap", "get", "drop"} and self.away:
            raise StoreAway("store", name, "away", sent=False)
        return super().__getattribute__(name)


@pytest.fixture(autouse=True)
def impatience(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is tried again with each turn of the loop."""
    for name in ("FIRST_PAUSE", "LONGEST_PAUSE"):
        monkeypatch.setattr(f"esb.delivery.resilient_keys.{name}", 0.0)


@pytest.fixture
def remote(clock: Clock) -> Remote:
    return Remote(clock)


@pytest.fixture
def events() -> list[Event]:
    return []


def make_keys(
    remote: Remote, clock: Clock, *, refuses: bool = False, size: int = 1000, events: list[Event] | None = None
) -> ResilientKeys:
    observer = Observer([] if events is None else [events.append])
    return ResilientKeys(StoreKeys(remote), MemoryStore(clock, size), observer, refuses=refuses)


def wanted(key: str = "k", app: str = "a") -> Wanted:
    return Wanted(f"idempotency:{app}:{key}", "digest", 30, DAY)


async def held(keys: ResilientKeys, key: str = "k") -> Held:
    claimed = await keys.claim(wanted(key))
    assert isinstance(claimed, Held)
    return claimed


async def back(remote: Remote) -> None:
    """The durable place is there again, and was found again."""
    remote.away = False
    await turns()


async def answer_of(keys: ResilientKeys, key: str = "k") -> bytes | None:
    found = await keys.claim(wanted(key))
    assert isinstance(found, Found)
    return found.answer


async def test_a_process_knows_its_own_answers_though_the_durable_place_is_away(remote: Remote, clock: Clock) -> None:
    keys = make_keys(remote, clock)
    claimed = await held(keys)
    assert claimed.unprotected is None
    await keys.settle(claimed, ANSWER)
    remote.away = True
    assert await answer_of(keys) == ANSWER


async def test_what_was_answered_meanwhile_is_written_once_the_durable_place_is_back(
    remote: Remote, clock: Clock
) -> None:
    keys, other = make_keys(remote, clock), make_keys(remote, clock)
    before = await held(keys, "before")
    remote.away = True
    meanwhile = await held(keys, "meanwhile")
    assert meanwhile.unprotected is Unprotected.AWAY
    await keys.settle(before, ANSWER)
    await keys.settle(meanwhile, ANSWER)
    assert [await answer_of(keys, key) for key in ("before", "meanwhile")] == [ANSWER, ANSWER]
    await back(remote)
    assert [await answer_of(other, key) for key in ("before", "meanwhile")] == [ANSWER, ANSWER]
    clock.advance(DAY)
    assert isinstance(await other.claim(wanted("before")), Held)


async def test_a_claim_that_was_given_up_meanwhile_is_free_once_the_durable_place_is_back(
    remote: Remote, clock: Clock
) -> None:
    keys, other = make_keys(remote, clock), make_keys(remote, clock)
    claimed = await held(keys)
    remote.away = True
    await keys.release(claimed)
    remote.away = False
    assert isinstance(await other.claim(wanted()), Found)
    await back(remote)
    assert isinstance(await other.claim(wanted()), Held)


async def test_it_is_tried_again_and_again_while_the_durable_place_is_away(remote: Remote, clock: Clock) -> None:
    keys = make_keys(remote, clock)
    claimed = await held(keys)
    remote.away = True
    await keys.settle(claimed, ANSWER)
    await turns(50)
    await back(remote)
    assert await answer_of(make_keys(remote, clock)) == ANSWER


async def test_who_refuses_makes_no_call_without_the_durable_place_and_loses_no_answer(
    remote: Remote, clock: Clock
) -> None:
    keys = make_keys(remote, clock, refuses=True)
    claimed = await held(keys)
    remote.away = True
    with pytest.raises(StoreAway):
        await keys.claim(wanted("another"))
    await keys.settle(claimed, ANSWER)
    assert await answer_of(keys) == ANSWER
    await back(remote)
    assert await answer_of(make_keys(remote, clock)) == ANSWER


async def test_all_answers_are_written_again_if_the_durable_place_may_have_lost_them(
    remote: Remote, clock: Clock
) -> None:
    keys, empty = make_keys(remote, clock), Remote(clock)
    for key in ("one", "two"):
        await keys.settle(await held(keys, key), ANSWER)
    keys._durable = StoreKeys(empty)
    clock.advance(DAY / 2)
    keys.lost()
    await back(empty)
    other = make_keys(empty, clock)
    assert [await answer_of(other, key) for key in ("one", "two")] == [ANSWER, ANSWER]
    clock.advance(DAY / 2)
    assert isinstance(await other.claim(wanted("one")), Held)


async def test_an_answer_for_which_there_is_no_room_here_does_not_free_its_claim(remote: Remote, clock: Clock) -> None:
    keys = make_keys(remote, clock, size=1)
    claimed = await held(keys)
    remote.away = True
    await keys.settle(claimed, b'"%b"' % (b"x" * 10_000))
    await back(remote)
    clock.advance(60)
    found = await keys.claim(wanted())
    assert isinstance(found, Found)
    assert (found.answer, found.lease <= 0) == (None, True)


async def test_a_key_without_room_is_told_as_such(remote: Remote, clock: Clock) -> None:
    keys = make_keys(remote, clock, size=1)
    remote.away = True
    assert (await held(keys)).unprotected is Unprotected.FULL


async def test_what_is_owed_at_the_end_is_written_then(remote: Remote, clock: Clock) -> None:
    keys = make_keys(remote, clock)
    claimed = await held(keys)
    remote.away = True
    await keys.settle(claimed, ANSWER)
    remote.away = False
    await keys.close()
    assert await answer_of(make_keys(remote, clock)) == ANSWER
    remote.away = True
    await keys.close()


async def test_a_bug_while_writing_is_told_and_ends_it(
    remote: Remote, clock: Clock, events: list[Event], monkeypatch: pytest.MonkeyPatch
) -> None:
    keys = make_keys(remote, clock, events=events)
    claimed = await held(keys)
    remote.away = True
    await keys.settle(claimed, ANSWER)

    async def broken(*_: Any) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(keys._durable, "settle", broken)
    await back(remote)
    assert [event.kind for event in events if isinstance(event, Crashed)] == ["ZeroDivisionError"]
    assert keys._owed == {}


async def test_of_two_processes_that_claim_at_once_one_holds_the_key(remote: Remote, clock: Clock) -> None:
    processes = [make_keys(remote, clock) for _ in range(2)]
    claimed = await asyncio.gather(*(keys.claim(wanted()) for keys in processes))
    assert sorted(type(each).__name__ for each in claimed) == ["Found", "Held"]
    late = next(each for each in claimed if isinstance(each, Found))
    assert (late.content, late.answer, late.lease) == ("digest", None, 30)
    found = await processes[0].find(wanted().entry)
    assert found == late
    assert await processes[0].find("idempotency:a:other") is None

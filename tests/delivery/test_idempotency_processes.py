"""Idempotency keys over several processes: two middlewares that share a store stand for them."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any

import pytest

from esb.core.call import Call, Options
from esb.core.errors import EsbError, RequestError, UpstreamError
from esb.delivery.awaited_answer import LONGEST_LOOK_SECONDS
from esb.delivery.idempotency import CLAIM_SECONDS, LAST_SECONDS
from esb.store.memory import MemoryStore
from esb.store.protocol import StoreAway
from tests.support.calls import make_call
from tests.support.clock import Clock
from tests.support.idempotency import make_idempotency
from tests.support.loop_time import movable_loop_time, turns

DAY = 24 * 3600.0
UNKNOWN = {"outcome": "unknown", "retryable": False, "replayed": True}


class Process:
    """A gateway's middleware, and what its component does."""

    def __init__(self, store: MemoryStore, name: str) -> None:
        self._middleware = make_idempotency(store)
        self._name = name
        self.handled = 0
        self.sends = True
        self.open = asyncio.Event()
        self.open.set()

    async def handle(self, call: Call) -> Any:
        self.handled += 1
        await self.open.wait()
        call.record.sent = self.sends
        if not self.sends:
            raise UpstreamError("weixin_qy", "send", "down", sent=False)
        return {"by": self._name}

    async def call(self, **changes: Any) -> Any:
        call = make_call(**{"args": {"receiver": "zhangsan"}, **changes})
        return await self._middleware(replace(call, options=Options(idempotency_key="k")), self.handle)


@pytest.fixture
def store(clock: Clock) -> MemoryStore:
    memory = MemoryStore(clock, 100)
    memory.shared = True
    return memory


@pytest.fixture
def one(store: MemoryStore) -> Process:
    return Process(store, "one")


@pytest.fixture
def two(store: MemoryStore) -> Process:
    return Process(store, "two")


async def begun(work: Callable[[], Awaitable[Any]]) -> "asyncio.Future[Any]":
    task = asyncio.ensure_future(work())
    await turns()
    return task


async def test_a_repetition_at_another_process_gets_the_first_answer(one: Process, two: Process) -> None:
    assert await one.call() == {"by": "one"}
    assert (await two.call())["data"] == {"by": "one", "replayed": True}
    assert two.handled == 0


async def test_a_repetition_waits_for_the_call_at_another_process(one: Process, two: Process) -> None:
    one.open.clear()
    first = await begun(one.call)
    second = await begun(two.call)
    assert not second.done()
    one.open.set()
    assert await first == {"by": "one"}
    assert (await second)["data"]["replayed"]
    assert two.handled == 0


async def test_when_the_first_sent_nothing_the_one_that_waits_is_the_first(one: Process, two: Process) -> None:
    one.open.clear()
    one.sends = False
    first = await begun(one.call)
    second = await begun(two.call)
    one.open.set()
    with pytest.raises(UpstreamError):
        await first
    assert await second == {"by": "two"}


async def test_other_content_is_refused_while_the_first_is_under_way(one: Process, two: Process) -> None:
    one.open.clear()
    first = await begun(one.call)
    with pytest.raises(RequestError, match="other parameters"):
        await two.call(args={"receiver": "lisi"})
    one.open.set()
    await first


async def test_nobody_knows_what_a_process_that_died_has_sent_and_nobody_sends_it_again(
    one: Process, two: Process, clock: Clock
) -> None:
    one.open.clear()
    dead = await begun(one.call)  # it never says another word
    second = await begun(two.call)
    with movable_loop_time() as advance:  # by which it looks again
        clock.advance(30 + LAST_SECONDS + CLAIM_SECONDS - 1)
        for _ in range(10):
            advance(LONGEST_LOOK_SECONDS)
            await turns()
        assert not second.done()
        clock.advance(1.5)
        advance(LONGEST_LOOK_SECONDS)
        with pytest.raises(EsbError, match="broken off") as error:
            await second
    assert (error.value.code, error.value.data) == (1306201, UNKNOWN)
    clock.advance(DAY - 60)
    with pytest.raises(EsbError, match="broken off"):
        await two.call()
    assert two.handled == 0
    clock.advance(60)
    assert await two.call() == {"by": "two"}
    dead.cancel()
    await one._middleware.close()


async def test_the_key_of_a_call_that_was_broken_off_is_that_calls_still(
    one: Process, two: Process, clock: Clock
) -> None:
    one.open.clear()
    dead = await begun(one.call)
    clock.advance(60)
    with pytest.raises(RequestError, match="other parameters"):
        await two.call(args={"receiver": "lisi"})
    dead.cancel()
    await one._middleware.close()


@pytest.mark.parametrize("here", [True, False])
async def test_whoever_waits_for_a_first_call_until_its_own_deadline_does_not_know_what_was_sent(
    one: Process, two: Process, here: bool
) -> None:
    one.open.clear()
    first = await begun(lambda: one.call(timeout=60))
    second = await begun((one if here else two).call)
    with movable_loop_time() as advance:
        advance(31)
        second.cancel()
        with pytest.raises(UpstreamError) as error:
            await second
    assert error.value.data == {"outcome": "unknown", "retryable": False}
    one.open.set()
    assert await first == {"by": "one"}


async def test_a_repetition_whose_caller_leaves_is_over(one: Process, two: Process) -> None:
    one.open.clear()
    first = await begun(one.call)
    for process in (one, two):
        second = await begun(process.call)
        second.cancel()
        with pytest.raises(asyncio.CancelledError):
            await second
    one.open.set()
    assert await first == {"by": "one"}


async def test_a_store_that_goes_away_does_not_take_a_sent_message_back(
    one: Process, store: MemoryStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    one.open.clear()
    first = await begun(one.call)

    async def away(*_: Any) -> Any:
        raise StoreAway("store", "swap", "there is no connection", sent=False)

    monkeypatch.setattr(store, "swap", away)
    one.open.set()
    assert await first == {"by": "one"}
    with pytest.raises(StoreAway):
        await one.call()

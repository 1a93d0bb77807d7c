"""The gate of a credential whose quota is used up: who closes it, for whom, and for how long."""

from dataclasses import replace

import pytest

from esb.channels.quota_gate import Closed, QuotaGate
from esb.channels.verdict import Verdict
from esb.core.errors import Message
from esb.core.events import Event, GateClosed, Observer
from esb.outgoing.tokens.key import TokenKey
from esb.store.memory import MemoryStore
from tests.support.clock import Clock

KEY = TokenKey("mp", "wx1", "digest")


def refusal(seconds: float | None) -> Verdict:
    return Verdict(45009, "reach max api daily quota limit", "quota", Message("wait"), seconds)


@pytest.fixture
def store(clock: Clock) -> MemoryStore:
    return MemoryStore(clock, 10)


async def test_a_gate_is_closed_for_the_seconds_that_the_refusal_names(store: MemoryStore, clock: Clock) -> None:
    events: list[Event] = []
    gate, elsewhere = [QuotaGate(store, Observer([events.append]), KEY) for _ in range(2)]
    assert await gate.closed() is None
    await gate.close(refusal(90.0))
    assert events == [GateClosed("mp", "wx1", 45009, 90.0)]
    clock.advance(29.96)
    assert await elsewhere.closed() == Closed(45009, "reach max api daily quota limit", 60.1)
    clock.advance(60.04)
    assert await gate.closed() is None


async def test_a_gate_is_closed_for_so_many_seconds_at_most(store: MemoryStore) -> None:
    gate = QuotaGate(store, Observer([]), KEY)
    await gate.close(refusal(90.0), at_most=60.0)
    closed = await gate.closed()
    assert closed is not None
    assert closed.seconds == 60.0


@pytest.mark.parametrize("seconds", [None, 0.0])
async def test_a_refusal_without_a_time_closes_nothing(store: MemoryStore, seconds: float | None) -> None:
    events: list[Event] = []
    gate = QuotaGate(store, Observer([events.append]), KEY)
    await gate.close(refusal(seconds))
    assert (await gate.closed(), events) == (None, [])


@pytest.mark.parametrize(
    ("key", "before"),
    [
        (replace(KEY, platform="qy"), "send"),
        (replace(KEY, account="wx2"), "send"),
        (replace(KEY, secret_digest="other"), "send"),
        (KEY, "fetch"),
    ],
)
async def test_the_gates_of_others_stay_open(store: MemoryStore, key: TokenKey, before: str) -> None:
    await QuotaGate(store, Observer([]), KEY).close(refusal(90.0))
    assert await QuotaGate(store, Observer([]), key, before).closed() is None
    assert await QuotaGate(store, Observer([]), KEY, "send").closed() is not None

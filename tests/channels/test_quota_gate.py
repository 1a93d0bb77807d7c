"""The gate of a credential whose quota is used up: who closes it, for whom, and for how long."""

import pytest

from esb.channels.draft import Rejected
from esb.channels.quota_gate import Closed, QuotaGate
from esb.channels.verdict import Verdict
from esb.core.errors import Message
from esb.core.events import Event, GateClosed, Observer
from esb.store.memory import MemoryStore
from tests.support.clock import Clock

CREDENTIAL = "mp:wx1:digest"
REFUSAL = Verdict(45009, "reach max api daily quota limit", "quota", Message("wait"))


@pytest.fixture
def store(clock: Clock) -> MemoryStore:
    return MemoryStore(clock, 10)


async def test_a_gate_is_closed_for_so_many_seconds(store: MemoryStore, clock: Clock) -> None:
    events: list[Event] = []
    gate, elsewhere = [QuotaGate(store, Observer([events.append]), "send", CREDENTIAL) for _ in range(2)]
    assert await gate.closed() is None
    await gate.close("mp", "wx1", REFUSAL, 90.0)
    assert events == [GateClosed("mp", "wx1", 45009, 90.0, "wait")]
    clock.advance(29.96)
    assert await elsewhere.closed() == Closed(45009, "reach max api daily quota limit", 60.1)
    clock.advance(60.04)
    assert await gate.closed() is None


@pytest.mark.parametrize("seconds", [None, 0.0])
async def test_a_refusal_without_a_time_closes_nothing(store: MemoryStore, seconds: float | None) -> None:
    events: list[Event] = []
    gate = QuotaGate(store, Observer([events.append]), "send", CREDENTIAL)
    await gate.close("mp", "wx1", REFUSAL, seconds)
    assert (await gate.closed(), events) == (None, [])


async def test_a_vendors_word_closes_it_as_well_as_a_number(store: MemoryStore) -> None:
    gate = QuotaGate(store, Observer([]), "send", CREDENTIAL)
    await gate.close("chat", "send", Rejected("TOO_FAST", "slow down", "quota"), 5.0)
    assert await gate.closed() == Closed("TOO_FAST", "slow down", 5.0)


@pytest.mark.parametrize(("before", "credential"), [("send", "qy:wx1:digest"), ("fetch", CREDENTIAL)])
async def test_the_gates_of_others_stay_open(store: MemoryStore, before: str, credential: str) -> None:
    await QuotaGate(store, Observer([]), "send", CREDENTIAL).close("mp", "wx1", REFUSAL, 90.0)
    assert await QuotaGate(store, Observer([]), before, credential).closed() is None
    assert await QuotaGate(store, Observer([]), "send", CREDENTIAL).closed() is not None

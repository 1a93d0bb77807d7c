"""What was accepted is delivered, by a real gateway to a real sandbox, from a database of each kind."""

import asyncio
from collections.abc import Sequence

import pytest

from esb.core.delivery_states import DeliveryState
from esb.core.events import Crashed
from esb.database.claim_writes import ClaimWrites
from esb.database.engine import DatabaseAway
from esb.delivery import deliverer
from esb.gateway.app import GATEWAY
from tests.support.delivering import Delivering, OpenDelivering


async def test_what_was_accepted_arrives_and_is_done(delivering: Delivering) -> None:
    identity = await delivering.accept()
    event = await delivering.attempted()
    assert (event.delivery, event.state, event.accepted, event.attempts) == (identity, "done", 1, 1)
    row = await delivering.row(identity)
    assert (row.state, row.lease, row.owner, row.started) == (DeliveryState.DONE, 0, "", 0)
    assert await delivering.states(identity) == ["accepted"]
    (message,) = await delivering.sandbox.messages()
    assert message["delivered"] == ["zhangsan"]


async def test_a_delivery_that_could_not_reach_somebody_from_the_first_says_of_which_class_that_is(
    delivering: Delivering,
) -> None:
    identity = await delivering.accept("", receiver__username="admin,nobody")
    assert (await delivering.attempted()).failure == "receiver"
    assert (await delivering.row(identity)).failure == "receiver"
    assert await delivering.states(identity) == ["accepted", "failed"]


async def test_what_is_under_way_ends_and_nothing_more_is_taken_when_the_gateway_drains(
    delivering: Delivering, open_delivering: OpenDelivering
) -> None:
    await delivering.sandbox.post("faults", {"match": {}, "action": {"latency_ms": 300}, "times": 0})
    first = await delivering.accept()
    await delivering.sandbox.has_been_called("/cgi-bin/gettoken")
    gateway = delivering.gateway.app[GATEWAY]
    draining = asyncio.create_task(gateway.drain(20))
    await asyncio.sleep(0)
    second = await open_delivering()
    accepted = await second.accept()
    await draining
    assert delivering.done == [first]
    await second.has_done(1)
    assert second.done == [accepted]


async def test_what_is_cut_off_before_it_is_sent_is_taken_by_others_at_once_and_not_in_doubt(
    delivering: Delivering, open_delivering: OpenDelivering
) -> None:
    hanging = {"match": {"path": "/cgi-bin/gettoken"}, "action": {"hang": True}, "times": 1}
    await delivering.sandbox.post("faults", hanging)
    identity = await delivering.accept()
    await delivering.sandbox.has_been_called("/cgi-bin/gettoken")
    gateway = delivering.gateway.app[GATEWAY]
    await gateway.drain(0)
    await gateway.deliveries.end_delivering()
    row = await delivering.row(identity)
    assert (row.state, row.owner, row.lease, row.started) == (DeliveryState.QUEUED, "", 0, 0)
    other = await open_delivering()
    await other.has_done(1)
    assert other.attempts[0].attempts == 1
    assert len(await delivering.sandbox.messages()) == 1


async def test_what_is_cut_off_while_it_is_sent_is_repeated_by_others_at_once(
    delivering: Delivering, open_delivering: OpenDelivering
) -> None:
    hanging = {"match": {"path": "/cgi-bin/message/send"}, "action": {"hang": True}, "times": 1, "when": "after"}
    await delivering.sandbox.post("faults", hanging)
    identity = await delivering.accept()
    await delivering.sandbox.has_been_called("/cgi-bin/message/send")
    gateway = delivering.gateway.app[GATEWAY]
    await gateway.drain(0)
    await gateway.deliveries.end_delivering()
    other = await open_delivering()
    await other.has_done(1)
    assert other.done == [identity]
    first, second = await delivering.sandbox.messages()
    assert second["duplicate_of"] == first["id"]


async def test_leases_are_extended_whatever_went_wrong_the_last_time(
    open_delivering: OpenDelivering, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(deliverer, "EXTENDING_SECONDS", 0.01)
    failures: list[Exception] = [DatabaseAway("it does not answer"), LookupError("a bug")]
    extended: asyncio.Queue[Sequence[str]] = asyncio.Queue()

    async def extend(self: ClaimWrites, deliveries: Sequence[str]) -> None:
        if failures:
            raise failures.pop(0)
        extended.put_nowait(deliveries)

    monkeypatch.setattr(ClaimWrites, "extend", extend)
    delivering = await open_delivering()
    hanging = {"match": {"path": "/cgi-bin/gettoken"}, "action": {"hang": True}, "times": 1}
    await delivering.sandbox.post("faults", hanging)
    identity = await delivering.accept()
    async with asyncio.timeout(60):
        assert await extended.get() == [identity]
    (crash,) = [event for event in delivering.gateway.events if isinstance(event, Crashed)]
    assert (crash.kind, crash.doing) == ("LookupError", "extending leases of deliveries")

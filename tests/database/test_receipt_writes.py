"""Receipts in the database: whose fate they are, which come too late or twice, and what is told of it."""

import asyncio
from typing import Any

import pytest
from sqlalchemy import select, update

from esb.core import json_codec
from esb.core.delivery_states import DeliveryState, ReceiverState
from esb.database.deliveries import CALLBACK_EVENT, DELIVERY, RECIPIENT
from esb.database.engine import Database
from esb.database.receipt_writes import FateResult, MessageFate, ReceiptWrites
from tests.support.clock import Clock
from tests.support.delivery_rows import NOW, add_delivery

ACCEPTED, DELIVERED, FAILED = ReceiverState.ACCEPTED, ReceiverState.DELIVERED, ReceiverState.FAILED
NEW, REPEATED, UNMATCHED = FateResult.NEW, FateResult.REPEATED, FateResult.UNMATCHED
LARGE = "9007199254740993"
"""An id that JavaScript's numbers cannot hold."""
TWO = [("zhangsan", ACCEPTED), ("lisi", ACCEPTED)]


class Reported:
    """Deliveries about which a platform reports."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self.database = database
        self.writes = ReceiptWrites(database, clock)

    async def report(self, name: str, msgid: str, reason: str = "") -> FateResult:
        """Report that this receiver has the message; with a reason, that it has not."""
        fate = MessageFate(msgid, f"address of {name}", not reason, reason)
        return (await self.writes.record(fate)).result

    async def states(self, delivery: str) -> list[ReceiverState]:
        column = RECIPIENT.c
        wanted = select(column.state).where(column.delivery == delivery).order_by(column.number)
        async with self.database.reading() as connection:
            return [ReceiverState(state) for state in (await connection.execute(wanted)).scalars()]

    async def row(self, delivery: str) -> Any:
        async with self.database.reading() as connection:
            return (await connection.execute(select(DELIVERY).where(DELIVERY.c.id == delivery))).one()

    async def events(self) -> list[str]:
        async with self.database.reading() as connection:
            rows = await connection.execute(select(CALLBACK_EVENT.c.event).order_by(CALLBACK_EVENT.c.id))
            return [*rows.scalars()]


@pytest.fixture
def reported(database: Database, clock: Clock) -> Reported:
    return Reported(database, clock)


async def test_receivers_are_delivered_one_after_the_other_and_the_last_one_is_told(reported: Reported) -> None:
    delivery = await add_delivery(reported.database, TWO, msgids=[LARGE])
    assert await reported.report("zhangsan", LARGE) is NEW
    assert await reported.states(delivery) == [DELIVERED, ACCEPTED]
    assert await reported.events() == []
    assert await reported.report("lisi", LARGE) is NEW
    assert await reported.states(delivery) == [DELIVERED, DELIVERED]
    assert await reported.events() == ["delivery.delivered"]
    assert (await reported.row(delivery)).state == DeliveryState.DONE


async def test_one_that_was_not_reached_makes_the_delivery_dead_and_its_reason_is_kept(reported: Reported) -> None:
    delivery = await add_delivery(reported.database, TWO, msgids=["1"])
    assert await reported.report("lisi", "1", "failed:user block") is NEW
    assert await reported.states(delivery) == [ACCEPTED, FAILED]
    row = await reported.row(delivery)
    assert (row.state, row.failure) == (DeliveryState.DEAD, "receiver")
    sealed = reported.database.keys.unseal_at(f"receivers/{delivery}", row.receivers)
    assert sealed is not None
    assert [each[4] for each in json_codec.decode(sealed)] == ["", "failed:user block"]
    assert await reported.events() == ["delivery.dead"]
    await reported.report("zhangsan", "1")
    assert await reported.events() == ["delivery.dead"] * 2, "and once more when no receipt is left to come"


async def test_the_same_receipt_twice_changes_nothing(reported: Reported) -> None:
    delivery = await add_delivery(reported.database, TWO[:1], msgids=["1"])
    assert await reported.report("zhangsan", "1") is NEW
    assert await reported.report("zhangsan", "1") is REPEATED
    assert await reported.report("zhangsan", "1", "failed: system failed") is REPEATED
    assert await reported.states(delivery) == [DELIVERED]
    assert await reported.events() == ["delivery.delivered"]


async def test_the_same_receipt_twice_at_once_changes_nothing_either(reported: Reported) -> None:
    delivery = await add_delivery(reported.database, TWO[:1], msgids=["1"])
    results = await asyncio.gather(*(reported.report("zhangsan", "1") for _ in range(3)))
    assert sorted(results, key=str) == [NEW, REPEATED, REPEATED]
    assert await reported.states(delivery) == [DELIVERED]
    assert await reported.events() == ["delivery.delivered"]


async def test_a_message_that_nobody_knows_or_somebody_elses_matches_nobody(reported: Reported) -> None:
    delivery = await add_delivery(reported.database, TWO[:1], msgids=["1"])
    await add_delivery(reported.database, [("lisi", ACCEPTED)], msgids=["2"])
    assert await reported.report("zhangsan", "3") is UNMATCHED
    assert await reported.report("zhangsan", "2") is UNMATCHED
    assert await reported.states(delivery) == [ACCEPTED]


async def test_one_that_is_being_sent_just_now_is_not_there_yet(reported: Reported) -> None:
    receivers = [("zhangsan", ACCEPTED), ("lisi", ReceiverState.SENDING)]
    delivery = await add_delivery(reported.database, receivers, msgids=["1"], state=DeliveryState.SENDING)
    assert await reported.report("zhangsan", "1") is UNMATCHED
    assert await reported.states(delivery) == [ACCEPTED, ReceiverState.SENDING]


async def test_one_that_goes_on_for_others_takes_a_receipt_and_stays_what_it_is(reported: Reported) -> None:
    receivers = [("zhangsan", ACCEPTED), ("lisi", ReceiverState.QUEUED)]
    delivery = await add_delivery(reported.database, receivers, msgids=["1"], state=DeliveryState.QUEUED)
    assert await reported.report("zhangsan", "1", "failed:user block") is NEW
    assert await reported.states(delivery) == [FAILED, ReceiverState.QUEUED]
    assert (await reported.row(delivery)).state == DeliveryState.QUEUED
    assert await reported.events() == []


async def test_a_receiver_of_whom_nobody_knew_is_known_now(reported: Reported) -> None:
    unknown = [("zhangsan", ReceiverState.UNKNOWN)]
    delivery = await add_delivery(reported.database, unknown, msgids=["1"], state=DeliveryState.DEAD, failure="unknown")
    assert await reported.report("zhangsan", "1") is NEW
    row = await reported.row(delivery)
    assert (row.state, row.failure) == (DeliveryState.DONE, "")
    assert await reported.events() == ["delivery.delivered"]


async def test_a_receipt_of_an_earlier_message_says_nothing_of_the_later_one(reported: Reported) -> None:
    delivery = await add_delivery(reported.database, TWO[:1], msgids=["1"])
    async with reported.database.writing() as connection:  # it was sent again
        await connection.execute(update(RECIPIENT).values(updated=NOW + 1000))
    assert await reported.report("zhangsan", "1", "failed:user block") is REPEATED
    assert await reported.states(delivery) == [ACCEPTED]

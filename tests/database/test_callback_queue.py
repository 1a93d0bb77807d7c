"""The queue of events: who takes which, when they come again, and what a receiver that is gone changes."""

from typing import Any

import pytest
from sqlalchemy import select, update

from esb.core.delivery_states import DeliveryState
from esb.database.callback_events import events_for
from esb.database.callback_queue import LEASE_MILLISECONDS, CallbackKey, CallbackQueue, FinishedEvent
from esb.database.deliveries import CALLBACK_EVENT, CALLBACK_OFF
from esb.database.engine import Database
from esb.database.registry import Registry
from esb.database.time_of_day import time_of_day
from tests.support.clock import Clock
from tests.support.delivery_rows import add_delivery

MONITOR: CallbackKey = ("monitor", "done")
OTHER: CallbackKey = ("shop", "done")
URL = "https://monitor.example.com/done"


class Queued:
    """A queue of two processes, and what stands in it."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self.database, self.clock = database, clock
        self.queue, self.sibling = (CallbackQueue(database, clock, owner) for owner in ("one", "two"))

    async def add(self, key: CallbackKey = MONITOR, *, seconds: float = 0) -> str:
        """Write an event that is due since so many seconds; return its id."""
        app, callback = key
        delivery = await add_delivery(self.database, app=app, callback=callback)
        async with self.database.writing() as connection:
            now = await time_of_day(connection, self.clock)
            await events_for(connection, self.database.keys, [delivery], now - int(seconds * 1000))
        row = await self.row(CALLBACK_EVENT.c.delivery == delivery)
        return str(row.id)

    async def row(self, where: Any) -> Any:
        async with self.database.reading() as connection:
            return (await connection.execute(select(CALLBACK_EVENT).where(where))).one()

    async def let_lease_end(self) -> None:
        """Move the ends of all leases into the past: the clock of a server is not moved."""
        async with self.database.writing() as connection:
            lease = CALLBACK_EVENT.c.lease - 2 * LEASE_MILLISECONDS
            await connection.execute(update(CALLBACK_EVENT).values(lease=lease))


@pytest.fixture
def queued(database: Database, clock: Clock) -> Queued:
    return Queued(database, clock)


async def test_what_is_taken_is_nobody_elses_and_has_its_body(queued: Queued) -> None:
    event = await queued.add()
    (taken,) = await queued.queue.take(10, {}, 5)
    assert (taken.id, taken.key, taken.attempts, taken.off) == (event, MONITOR, 0, None)
    assert taken.body is not None
    assert taken.body.startswith(b'{"type":"delivery.done"')
    assert await queued.sibling.take(10, {}, 5) == []


async def test_the_oldest_come_first_and_a_callback_gets_no_more_than_its_width(queued: Queued) -> None:
    old = [await queued.add(seconds=100 - number) for number in range(3)]
    other = await queued.add(OTHER, seconds=1)
    assert [each.id for each in await queued.queue.take(10, {}, 2)] == [*old[:2], other]
    assert [each.id for each in await queued.queue.take(10, {MONITOR: 0}, 2)] == []
    assert [each.id for each in await queued.queue.take(10, {MONITOR: 1}, 2)] == old[2:]


async def test_it_tells_when_something_is_due(queued: Queued) -> None:
    assert await queued.queue.seconds_until_due([]) is None
    await queued.add(seconds=-30)
    assert await queued.queue.seconds_until_due([]) == pytest.approx(30, abs=15)
    assert await queued.queue.seconds_until_due([MONITOR]) is None
    await queued.add(OTHER)
    assert await queued.queue.seconds_until_due([]) == 0
    await queued.queue.take(1, {}, 1)
    assert await queued.queue.seconds_until_due([MONITOR]) == pytest.approx(LEASE_MILLISECONDS / 1000, abs=15)


async def test_one_that_was_told_never_comes_again(queued: Queued) -> None:
    event = await queued.add()
    (taken,) = await queued.queue.take(10, {}, 5)
    await queued.queue.finish(FinishedEvent(taken, DeliveryState.DONE))
    row = await queued.row(CALLBACK_EVENT.c.id == event)
    assert (row.state, row.attempts, row.owner) == (DeliveryState.DONE, 1, "")
    assert await queued.queue.seconds_until_due([]) is None


async def test_one_that_failed_comes_again_after_its_pause(queued: Queued) -> None:
    await queued.add()
    (taken,) = await queued.queue.take(10, {}, 5)
    await queued.queue.finish(FinishedEvent(taken, DeliveryState.QUEUED, 60.0))
    assert await queued.queue.seconds_until_due([]) == pytest.approx(60, abs=15)
    async with queued.database.writing() as connection:
        await connection.execute(update(CALLBACK_EVENT).values(due=0))
    (again,) = await queued.sibling.take(10, {}, 5)
    assert (again.id, again.attempts, again.body) == (taken.id, 1, taken.body)


async def test_one_whose_taker_is_gone_comes_again_and_first(queued: Queued) -> None:
    event = await queued.add(seconds=50)
    (taken,) = await queued.queue.take(10, {}, 5)
    younger = await queued.add(seconds=10)
    await queued.let_lease_end()
    assert [each.id for each in await queued.sibling.take(10, {}, 5)] == [event, younger]
    await queued.queue.finish(FinishedEvent(taken, DeliveryState.DONE))
    row = await queued.row(CALLBACK_EVENT.c.id == event)
    assert (row.state, row.owner) == (DeliveryState.SENDING, "two"), "who is late finishes nothing"


async def test_what_a_process_gives_back_others_take_at_once(queued: Queued) -> None:
    await queued.add()
    await queued.queue.take(10, {}, 5)
    await queued.sibling.release()
    assert await queued.sibling.take(10, {}, 5) == []
    await queued.queue.release()
    assert len(await queued.sibling.take(10, {}, 5)) == 1


async def test_a_callback_that_is_switched_off_ends_its_events_and_the_history_tells_it(queued: Queued) -> None:
    await queued.add()
    (taken,) = await queued.queue.take(10, {}, 5)
    waiting, other = await queued.add(), await queued.add(OTHER)
    assert await queued.queue.switch_off(taken, URL, "status 410") == 2
    for event in (taken.id, waiting):
        assert (await queued.row(CALLBACK_EVENT.c.id == event)).state == DeliveryState.DEAD
    assert (await queued.row(CALLBACK_EVENT.c.id == other)).state == DeliveryState.QUEUED
    async with Registry(queued.database).reading() as views:
        ((row,), _) = await views.history(limit=10, app="monitor")
    assert (row["actor"], row["action"]) == ("callbacks", "callback.off")
    assert row["after"] == {"name": "done", "reason": "status 410"}
    await queued.add()
    assert [each.off for each in await queued.queue.take(10, {OTHER: 0}, 5)] == [queued.queue.address_of(URL)]
    (other_one,) = await queued.queue.take(10, {}, 5)
    assert other_one.off is None


async def test_one_that_was_switched_off_can_be_so_again(queued: Queued) -> None:
    for url in (URL, f"{URL}/new"):
        await queued.add()
        (taken,) = await queued.queue.take(10, {}, 5)
        await queued.queue.switch_off(taken, url, "status 410")
    async with queued.database.reading() as connection:
        (row,) = await connection.execute(select(CALLBACK_OFF))
    assert row.address == queued.queue.address_of(f"{URL}/new")


async def test_one_that_no_key_opens_has_no_body(queued: Queued) -> None:
    await queued.add()
    async with queued.database.writing() as connection:
        await connection.execute(update(CALLBACK_EVENT).values(body=b"x" * 80))
    (taken,) = await queued.queue.take(10, {}, 5)
    assert taken.body is None

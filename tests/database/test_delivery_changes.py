"""Deliveries that somebody cancels or sends again, while others deliver."""

from collections.abc import Collection
from typing import Any

import pytest
from sqlalchemy import and_, insert, select, update

from esb.core.delivery_states import DeliveryState, ReceiverState
from esb.database.deliveries import CALLBACK_EVENT, CONTENT, DELIVERY, RECIPIENT
from esb.database.delivery_changes import Hindrance, Selection, cancel, cancel_some, count_waiting, redrive
from esb.database.engine import Database
from tests.support.delivery_rows import NOW, add_delivery

LATER = NOW + 5000
FAILED = frozenset({ReceiverState.FAILED, ReceiverState.EXPIRED})
MIXED = [
    ("a", ReceiverState.ACCEPTED),
    ("b", ReceiverState.FAILED),
    ("c", ReceiverState.UNKNOWN),
    ("d", ReceiverState.EXPIRED),
]
QUEUED = [("a", ReceiverState.ACCEPTED), ("b", ReceiverState.QUEUED)]


async def add(database: Database, receivers: Any = QUEUED, *, content: bool = True, **columns: Any) -> str:
    identity = await add_delivery(database, receivers, **columns)
    if content:
        async with database.writing() as connection:
            await connection.execute(insert(CONTENT).values(delivery=identity, sealed=b"sealed", purge=0))
    return identity


async def cancelled(database: Database, identity: str, app: str | None = None) -> Hindrance | None:
    async with database.writing() as connection:
        return await cancel(connection, database.keys, identity, LATER, app)


async def redriven(
    database: Database, identity: str, missed: Collection[ReceiverState] = FAILED, app: str | None = None
) -> Hindrance | None:
    async with database.writing() as connection:
        return await redrive(connection, identity, missed, LATER, LATER + 1000, app)


async def row(database: Database, identity: str) -> Any:
    async with database.reading() as connection:
        return (await connection.execute(select(DELIVERY).where(DELIVERY.c.id == identity))).one()


async def states(database: Database, identity: str) -> list[ReceiverState]:
    statement = select(RECIPIENT.c.state).where(RECIPIENT.c.delivery == identity).order_by(RECIPIENT.c.number)
    async with database.reading() as connection:
        return [ReceiverState(state) for state in (await connection.execute(statement)).scalars()]


async def purge(database: Database, identity: str) -> int | None:
    async with database.reading() as connection:
        found = await connection.execute(select(CONTENT.c.purge).where(CONTENT.c.delivery == identity))
        return found.scalar_one_or_none()


async def finishes(database: Database, identity: str, fence: int) -> bool:
    """Finish as the owner of a claim with this fence does; True if the delivery was still its own."""
    is_it = and_(DELIVERY.c.id == identity, DELIVERY.c.owner == "me", DELIVERY.c.fence == fence)
    async with database.writing() as connection:
        done = await connection.execute(update(DELIVERY).where(is_it).values(state=DeliveryState.DONE))
        return bool(done.rowcount)


@pytest.mark.parametrize("state", [DeliveryState.QUEUED, DeliveryState.HELD])
async def test_a_delivery_that_waits_is_cancelled_for_those_who_have_not_got_it(
    database: Database, state: DeliveryState
) -> None:
    identity = await add(database, state=state)
    assert await cancelled(database, identity, "shop") is Hindrance.UNKNOWN
    assert await cancelled(database, identity, "monitor") is None
    found = await row(database, identity)
    assert (found.state, found.due, found.fence) == (DeliveryState.CANCELLED, LATER, 2)
    assert await states(database, identity) == [ReceiverState.ACCEPTED, ReceiverState.CANCELLED]
    assert await purge(database, identity) == LATER
    assert await cancelled(database, identity) is None  # once more changes nothing
    assert (await row(database, identity)).fence == 2
    async with database.reading() as connection:
        events = (await connection.execute(select(CALLBACK_EVENT.c.delivery))).scalars().all()
    assert [*events] == [identity]


async def test_who_may_have_got_it_in_an_attempt_that_broke_off_is_unknown_once_it_is_cancelled(
    database: Database,
) -> None:
    identity = await add(database, state=DeliveryState.QUEUED, started=NOW)
    assert await cancelled(database, identity) is None
    assert await states(database, identity) == [ReceiverState.ACCEPTED, ReceiverState.UNKNOWN]


async def test_a_delivery_that_is_being_sent_is_left_to_who_has_it(database: Database) -> None:
    identity = await add(database, state=DeliveryState.SENDING, owner="me", fence=3, lease=LATER + 1)
    assert await cancelled(database, identity) is Hindrance.SENDING
    assert await redriven(database, identity) is Hindrance.NOT_DEAD
    assert await states(database, identity) == [state for _, state in QUEUED]
    assert await finishes(database, identity, 3)


async def test_who_is_late_with_a_delivery_that_was_cancelled_or_sent_again_finishes_nothing(
    database: Database,
) -> None:
    waiting = await add(database, state=DeliveryState.QUEUED, owner="me", fence=3)
    dead = await add(database, MIXED, state=DeliveryState.DEAD, owner="me", fence=3)
    assert await cancelled(database, waiting) is None
    assert await redriven(database, dead) is None
    assert not await finishes(database, waiting, 3)
    assert not await finishes(database, dead, 3)


@pytest.mark.parametrize("state", [DeliveryState.DONE, DeliveryState.DEAD])
async def test_a_delivery_that_has_ended_is_not_cancelled(database: Database, state: DeliveryState) -> None:
    identity = await add(database, state=state)
    assert await cancelled(database, identity) is Hindrance.ENDED
    assert (await row(database, identity)).state == state


@pytest.mark.parametrize("identity", ["a" * 32, "", "\0", "x" * 4000, "a "])
async def test_what_is_not_there_is_told(database: Database, identity: str) -> None:
    assert await cancelled(database, identity) is Hindrance.UNKNOWN
    assert await redriven(database, identity) is Hindrance.UNKNOWN


async def test_a_dead_delivery_goes_again_to_those_who_failed_and_to_nobody_else(database: Database) -> None:
    identity = await add(database, MIXED, state=DeliveryState.DEAD, failure="receiver", attempts=7, started=NOW)
    assert await redriven(database, identity, app="shop") is Hindrance.UNKNOWN
    assert await redriven(database, identity, app="monitor") is None
    found = await row(database, identity)
    assert (found.state, found.due, found.expires) == (DeliveryState.QUEUED, LATER, LATER + 1000)
    assert (found.attempts, found.failure, found.started, found.fence) == (0, "", 0, 2)
    assert found.redrives == 1  # to the platform it is another message
    assert await states(database, identity) == [
        ReceiverState.ACCEPTED,
        ReceiverState.QUEUED,
        ReceiverState.UNKNOWN,
        ReceiverState.QUEUED,
    ]
    assert await purge(database, identity) == 0
    assert await redriven(database, identity) is Hindrance.NOT_DEAD  # a second click sends nothing twice


async def test_those_in_doubt_get_it_again_only_if_they_are_meant(database: Database) -> None:
    identity = await add(database, MIXED, state=DeliveryState.DEAD)
    assert await redriven(database, identity, {ReceiverState.UNKNOWN}) is None
    assert (await states(database, identity))[1:3] == [ReceiverState.FAILED, ReceiverState.QUEUED]
    assert (await row(database, identity)).redrives == 0  # the platform is to know it for the same one, if it can


async def test_nobody_gets_again_what_is_not_kept_any_more_or_reached_everybody(database: Database) -> None:
    gone = await add(database, MIXED, state=DeliveryState.DEAD, content=False)
    assert await redriven(database, gone) is Hindrance.NO_CONTENT
    in_doubt = await add(database, MIXED[2:3], state=DeliveryState.DEAD)
    assert await redriven(database, in_doubt) is Hindrance.NOBODY
    assert (await row(database, in_doubt)).state == DeliveryState.DEAD
    done = await add(database, state=DeliveryState.DONE)
    assert await redriven(database, done) is Hindrance.NOT_DEAD


async def test_many_are_cancelled_at_once_by_app_component_and_state(database: Database) -> None:
    waiting = [await add(database, state=DeliveryState.QUEUED) for _ in range(3)]
    held = await add(database, state=DeliveryState.HELD)
    other = await add(database, state=DeliveryState.QUEUED, app="shop")
    mail = await add(database, state=DeliveryState.QUEUED, component="cmsi.send_mail")
    sending = await add(database, state=DeliveryState.SENDING, owner="me", lease=LATER)
    which = Selection(app="monitor", component="cmsi.send_weixin")
    async with database.writing() as connection:
        assert await count_waiting(connection, which) == 4
        assert await count_waiting(connection, Selection(state=DeliveryState.HELD)) == 1
        assert await count_waiting(connection, Selection(state=DeliveryState.SENDING)) == 0
        assert await cancel_some(connection, database.keys, which, LATER) == 4
        assert await cancel_some(connection, database.keys, which, LATER) == 0
    for identity in (*waiting, held):
        assert (await row(database, identity)).state == DeliveryState.CANCELLED
    for identity in (other, mail):
        assert (await row(database, identity)).state == DeliveryState.QUEUED
    assert (await row(database, sending)).state == DeliveryState.SENDING

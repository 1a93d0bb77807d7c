"""Counts of deliveries by state: bounded, and from the index alone."""

from sqlalchemy import insert

from esb.core.delivery_states import DeliveryState
from esb.core.uuid7 import uuid7
from esb.database.deliveries import DELIVERY
from esb.database.delivery_counts import MOST, StateCount, count_states
from esb.database.engine import Database
from tests.support.delivery_rows import NOW, add_delivery


async def counts(database: Database) -> dict[DeliveryState, StateCount]:
    async with database.reading() as connection:
        return {count.state: count for count in await count_states(connection)}


async def test_an_empty_database_has_none(database: Database) -> None:
    assert [*(await counts(database)).values()] == [StateCount(state, 0, None) for state in DeliveryState]


async def test_the_first_is_the_one_that_is_due_longest_whatever_its_priority(database: Database) -> None:
    held = DeliveryState.HELD
    for priority, due in ((9, NOW), (0, NOW - 5), (5, NOW - 2)):
        await add_delivery(database, state=held, priority=priority, due=due)
    await add_delivery(database, state=DeliveryState.DEAD)
    found = await counts(database)
    assert found[held] == StateCount(held, 3, NOW - 5)
    assert found[DeliveryState.DEAD].number == 1


async def test_no_more_are_counted_than_anybody_needs_to_know(database: Database) -> None:
    identity = await add_delivery(database, state=DeliveryState.QUEUED)
    async with database.writing() as connection:
        row = (await connection.execute(DELIVERY.select().where(DELIVERY.c.id == identity))).one()._asdict()
        await connection.execute(insert(DELIVERY), [{**row, "id": uuid7(NOW)} for _ in range(MOST + 5)])
    assert (await counts(database))[DeliveryState.QUEUED].number == MOST

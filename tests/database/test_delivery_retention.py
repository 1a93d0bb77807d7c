"""Deliveries and contents come to their end when they are old enough, some at a time."""

from sqlalchemy import func, insert, select

from esb.core.delivery_states import ENDED, DeliveryState
from esb.core.uuid7 import uuid7
from esb.database.deliveries import ATTEMPT, CALLBACK_EVENT, CONTENT, DELIVERY, DELIVERY_MESSAGE, RECIPIENT
from esb.database.delivery_retention import AT_ONCE, purge_contents, purge_rows
from esb.database.engine import Database
from tests.support.delivery_rows import NOW, add_delivery

OF_A_DELIVERY = (RECIPIENT, ATTEMPT, CONTENT, DELIVERY_MESSAGE, CALLBACK_EVENT)


async def add_content(database: Database, purge: int, identity: str = "") -> str:
    identity = identity or uuid7(NOW)
    async with database.writing() as connection:
        await connection.execute(insert(CONTENT).values(delivery=identity, sealed=b"sealed", purge=purge))
    return identity


async def contents(database: Database) -> set[str]:
    async with database.reading() as connection:
        return {*(await connection.execute(select(CONTENT.c.delivery))).scalars()}


async def deliveries(database: Database) -> set[str]:
    async with database.reading() as connection:
        return {*(await connection.execute(select(DELIVERY.c.id))).scalars()}


async def purged(database: Database, before: int) -> bool:
    async with database.writing() as connection:
        return await purge_rows(connection, before)


async def test_contents_go_when_their_time_is_over_and_never_while_their_delivery_has_not_ended(
    database: Database,
) -> None:
    await add_content(database, NOW)
    kept = {await add_content(database, NOW + 1), await add_content(database, 0)}
    async with database.writing() as connection:
        assert not await purge_contents(connection, NOW)
    assert await contents(database) == kept


async def test_contents_go_some_at_a_time_the_oldest_first(database: Database) -> None:
    rows = [{"delivery": uuid7(NOW), "sealed": b"s", "purge": NOW - number} for number in range(AT_ONCE + 1)]
    async with database.writing() as connection:
        await connection.execute(insert(CONTENT), rows)
    async with database.writing() as connection:
        assert await purge_contents(connection, NOW)
    assert await contents(database) == {rows[0]["delivery"]}


async def test_what_ended_before_goes_with_all_that_belongs_to_it_and_nothing_else_does(database: Database) -> None:
    old = [
        await add_delivery(database, state=state, priority=priority, due=NOW - 1, msgids=[f"m{state}{priority}"])
        for state in sorted(ENDED)
        for priority in (0, 9)
    ]
    kept = {
        await add_delivery(database, state=DeliveryState.DONE, due=NOW, msgids=["kept"]),
        await add_delivery(database, state=DeliveryState.QUEUED, due=NOW - 1),
        await add_delivery(database, state=DeliveryState.SENDING, due=NOW - 1),
        await add_delivery(database, state=DeliveryState.HELD, due=NOW - 1),
    }
    ended = {"started": 1, "ended": 2, "worker": "w", "accepted": 1, "failed": 0, "unknown": 0, "failure": ""}
    event = {"app": "a", "callback": "c", "event": "e", "state": 0, "due": 0, "lease": 0, "owner": "", "fence": 0}
    for identity in (*old, *kept):
        await add_content(database, 1, identity)
        async with database.writing() as connection:
            await connection.execute(insert(ATTEMPT).values(delivery=identity, fence=1, **ended))
            row = {"id": identity, "delivery": identity, "attempts": 0, "created": 0, "body": b"b", **event}
            await connection.execute(insert(CALLBACK_EVENT).values(row))
    assert not await purged(database, NOW)
    assert await deliveries(database) == kept
    async with database.reading() as connection:
        for table in OF_A_DELIVERY:
            left = {*(await connection.execute(select(table.c.delivery))).scalars()}
            assert left <= kept, table.name
            assert left, table.name


async def test_deliveries_go_some_at_a_time(database: Database) -> None:
    first = await add_delivery(database, state=DeliveryState.DONE, due=NOW - 1)
    async with database.writing() as connection:
        row = dict((await connection.execute(select(DELIVERY).where(DELIVERY.c.id == first))).mappings().one())
        await connection.execute(insert(DELIVERY), [{**row, "id": uuid7(NOW)} for _ in range(AT_ONCE)])
    assert await purged(database, NOW)
    assert not await purged(database, NOW)
    async with database.reading() as connection:
        assert (await connection.execute(select(func.count()).select_from(DELIVERY))).scalar_one() == 0

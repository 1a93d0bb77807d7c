"""The ages of what waits: each is that of the oldest, and of nothing that need not be done yet."""

from typing import Any

import pytest
from sqlalchemy import insert

from esb.core.delivery_ages import DeliveryAges
from esb.core.delivery_states import DeliveryState
from esb.core.uuid7 import uuid7
from esb.database.deliveries import CONTENT, CREDENTIAL_HOLD
from esb.database.engine import Database
from esb.database.metadata import METADATA
from esb.database.oldest import oldest
from esb.database.time_of_day import time_of_day
from tests.support.clock import Clock
from tests.support.delivery_rows import add_delivery

ROWS = 3600.0
NOTHING = DeliveryAges(0.0, 0.0, 0.0, 0.0, 0.0)


@pytest.fixture
async def now(database: Database, clock: Clock) -> int:
    """The database's time, in milliseconds since 1970."""
    async with database.reading() as connection:
        return await time_of_day(connection, clock)


async def seen(database: Database, clock: Clock) -> list[int]:
    """The ages in seconds, of which a test takes less than ten."""
    return [int(age / 10) * 10 for age in await ages(database, clock)]


async def ages(database: Database, clock: Clock) -> DeliveryAges:
    async with database.reading() as connection:
        return await oldest(connection, clock, ROWS)


async def add_event(database: Database, state: DeliveryState, due: int) -> None:
    texts = {"app": "monitor", "callback": "done", "owner": ""}
    numbers = dict.fromkeys(("lease", "fence", "attempts", "created"), 0)
    ids = {"id": uuid7(due), "delivery": uuid7(due), "event": uuid7(due)}
    row = {**texts, **numbers, **ids, "state": state, "due": due, "body": b"sealed"}
    await add(database, "callback_event", **row)


async def add(database: Database, table: str, **values: Any) -> None:
    async with database.writing() as connection:
        await connection.execute(insert(METADATA.tables[table]).values(**values))


async def test_nothing_waits_in_an_empty_database(database: Database, clock: Clock) -> None:
    assert await ages(database, clock) == NOTHING


async def test_what_need_not_be_done_yet_has_no_age(database: Database, clock: Clock, now: int) -> None:
    await add_delivery(database, state=DeliveryState.QUEUED, due=now + 60_000)
    await add_delivery(database, state=DeliveryState.HELD, due=now - 60_000)
    for state in (DeliveryState.DONE, DeliveryState.DEAD, DeliveryState.CANCELLED):
        await add_delivery(database, state=state, due=now - 60_000)
        await add_event(database, state, now - 60_000)
    await add_event(database, DeliveryState.QUEUED, now + 60_000)
    await add(database, CONTENT.name, delivery=uuid7(now), sealed=b"sealed", purge=0)
    await add(database, CONTENT.name, delivery=uuid7(now), sealed=b"sealed", purge=now + 60_000)
    assert await ages(database, clock) == NOTHING


@pytest.mark.parametrize("state", [DeliveryState.QUEUED, DeliveryState.SENDING])
async def test_the_delivery_that_is_due_longest_counts_whatever_its_priority(
    database: Database, clock: Clock, now: int, state: DeliveryState
) -> None:
    await add_delivery(database, state=DeliveryState.QUEUED, due=now - 20_000, priority=9)
    await add_delivery(database, state=state, due=now - 300_000, priority=4)
    assert await seen(database, clock) == [300, 0, 0, 0, 0]


async def test_the_callback_that_is_due_longest_counts(database: Database, clock: Clock, now: int) -> None:
    await add_event(database, DeliveryState.QUEUED, now - 20_000)
    await add_event(database, DeliveryState.SENDING, now - 70_000)
    assert await seen(database, clock) == [0, 70, 0, 0, 0]


async def test_holds_of_the_gateway_and_of_operators_are_told_apart(database: Database, clock: Clock, now: int) -> None:
    for name, actor, age in (("a", "", 30), ("b", "", 50), ("c", "cli:root", 700), ("d", "ops", 20)):
        row = {"credential": name, "since": now - 1000 * age, "actor": actor, "reason": "invalid"}
        await add(database, CREDENTIAL_HOLD.name, **row)
    assert await seen(database, clock) == [0, 0, 50, 700, 0]


async def test_what_is_kept_beyond_its_time_counts_from_that_on(database: Database, clock: Clock, now: int) -> None:
    await add(database, CONTENT.name, delivery=uuid7(now), sealed=b"sealed", purge=now - 40_000)
    assert await seen(database, clock) == [0, 0, 0, 0, 40]
    await add_delivery(database, state=DeliveryState.DEAD, priority=7, due=now - 1000 * int(ROWS) - 90_000)
    assert await seen(database, clock) == [0, 0, 0, 0, 90]

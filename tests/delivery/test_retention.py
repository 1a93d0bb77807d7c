"""What the ledger keeps no longer is deleted in the background, as esb.yaml says."""

import asyncio
from contextlib import AsyncExitStack
from pathlib import Path

import pytest
from sqlalchemy import insert, select

from esb.core.events import Crashed, Event, Observer
from esb.core.uuid7 import uuid7
from esb.database import delivery_retention
from esb.database.deliveries import CONTENT, DELIVERY
from esb.database.engine import Database, DatabaseAway
from esb.delivery import retention
from esb.delivery.retention import ROWS_SECONDS, Retention
from esb.gateway.app import GATEWAY
from tests.support.clock import Clock
from tests.support.databases import open_database, stanza
from tests.support.delivery_rows import NOW, add_delivery
from tests.support.gateway import OpenGateway

DAY = 86_400_000


def keeping_for(seconds: float, database: Database, clock: Clock, events: list[Event]) -> Retention:
    return Retention(database, clock, Observer([events.append]), lambda: seconds)


async def ids(database: Database) -> set[str]:
    async with database.reading() as connection:
        return {*(await connection.execute(select(DELIVERY.c.id))).scalars()}


async def contents(database: Database) -> int:
    async with database.reading() as connection:
        return len((await connection.execute(select(CONTENT.c.delivery))).all())


async def add_contents(database: Database, number: int) -> None:
    rows = [{"delivery": uuid7(NOW), "sealed": b"sealed", "purge": 1} for _ in range(number)]
    async with database.writing() as connection:
        await connection.execute(insert(CONTENT), rows)


async def test_contents_go_at_each_look_and_deliveries_within_an_hour(
    database: Database, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(delivery_retention, "AT_ONCE", 2)
    old = await add_delivery(database, due=1)
    new = await add_delivery(database, due=2**50)
    await add_contents(database, 5)
    keeping = keeping_for(60.0, database, clock, [])
    clock.advance(ROWS_SECONDS)
    await keeping.purge()
    assert (await ids(database), await contents(database)) == ({new}, 0)
    again = await add_delivery(database, due=1)
    await add_contents(database, 1)
    await keeping.purge()
    assert (await ids(database), await contents(database)) == ({new, again}, 0)
    clock.advance(ROWS_SECONDS)
    await keeping.purge()
    assert await ids(database) == {new}
    assert old not in await ids(database)


async def test_a_bug_ends_nothing_and_a_database_that_is_away_is_no_bug(
    database: Database, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retention, "CONTENTS_SECONDS", 0.0)
    events: list[Event] = []
    keeping, looks, ended = keeping_for(60.0, database, clock, events), 0, asyncio.Event()

    async def look(_: object, __: int) -> bool:
        nonlocal looks
        looks += 1
        if looks == 1:
            raise LookupError("a bug")
        if looks == 2:
            raise DatabaseAway("it does not answer")
        ended.set()
        return False

    monkeypatch.setattr(retention, "purge_contents", look)
    keeping.open()
    await ended.wait()
    await keeping.close()
    (crash,) = events
    assert isinstance(crash, Crashed)
    assert crash.kind == "LookupError"


async def test_a_gateway_keeps_deliveries_as_long_as_its_configuration_says(
    opened: AsyncExitStack, open_gateway: OpenGateway, tmp_path: Path
) -> None:
    url = f"sqlite:///{tmp_path}/esb.db"
    database = await opened.enter_async_context(open_database(url))
    clock = Clock()
    gateway = await open_gateway("  []\n", more=f"{stanza(url)}ledger: {{rows: 2d}}\n", clock=clock)
    now = int(clock.since_1970() * 1000)
    old, new = await add_delivery(database, due=now - 2 * DAY - 1), await add_delivery(database, due=now - DAY)
    keeping = gateway.app[GATEWAY].deliveries.retention
    assert keeping is not None
    clock.advance(ROWS_SECONDS)
    await keeping.purge()
    assert await ids(database) == {new}
    assert old != new

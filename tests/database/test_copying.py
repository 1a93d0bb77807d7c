"""Copies of a whole database into another one."""

from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import insert, select

from esb.core.delivery_states import ReceiverState
from esb.core.uuid7 import uuid7
from esb.database.apps import APP, APP_GRANT, APP_SECRET
from esb.database.callback_events import events_for
from esb.database.changes import counted, newest, note
from esb.database.copying import NotEmpty, copy
from esb.database.deliveries import ATTEMPT, CONTENT
from esb.database.delivery_views import DeliveryViews
from esb.database.engine import Database
from esb.database.history import HISTORY
from esb.database.holds import hold
from esb.database.schema import DatabaseMismatch
from esb.database.tables import tables
from esb.database.use import DAY_USE
from tests.support.databases import make_database, open_database
from tests.support.delivery_rows import NOW, add_delivery
from tests.support.servers.databases import OTHER_KEY

DELIVERED = uuid7(NOW)
APPS = ("bank", "shop", "商店")


async def fill(database: Database) -> None:
    """Write rows of several tables, with gaps in what counts up by itself."""
    keys = database.keys
    async with database.writing() as connection:
        await note(connection, await counted(connection), APPS, 5)
        for number, app in enumerate(APPS):
            row = {"code": app, "disabled": number == 1, "hash_only": False, "settings": '{"a": "ä"}'}
            await connection.execute(insert(APP).values(**row, created=7, created_by="cli:root", expires=None))
            secret: dict[str, Any] = {"sealed": keys.seal(f"secret-{app}", app), "digest": keys.digest(app, "x")}
            secret |= {"hint": "cret", "created": 1 << 41, "created_by": "cli:root"}
            await connection.execute(insert(APP_SECRET).values(id=10 * number + 1, app=app, **secret))
            grant = {"pattern": "cmsi.*", "reason": "r" * 70_000, "granted_by": "admin:ops", "created": 1}
            await connection.execute(insert(APP_GRANT).values(app=app, **grant))
        days = [{"app": "shop", "secret": 1, "component": "a.b", "day": day, "calls": 1 << 40} for day in range(2345)]
        await connection.execute(insert(DAY_USE), days)
        told = {"at": 1, "actor": "cli:root", "via": "cli", "action": "app.create", "app": "shop"}
        await connection.execute(insert(HISTORY).values(**told, before="{}", after="{}"))
    await fill_deliveries(database)


async def fill_deliveries(database: Database) -> None:
    """Write a delivery with all that belongs to one."""
    receivers = [("zhangsan", ReceiverState.ACCEPTED), ("lisi", ReceiverState.FAILED)]
    delivery = await add_delivery(database, receivers, msgids=["m1"], id=DELIVERED)
    sealed = database.keys.seal_at(f"content/{delivery}", b"a message")
    counts = {"accepted": 1, "failed": 1, "unknown": 0, "failure": ""}
    async with database.writing() as connection:
        await connection.execute(insert(CONTENT).values(delivery=delivery, sealed=sealed, purge=NOW))
        attempt = {"fence": 1, "started": NOW, "ended": NOW, "worker": "host:1:a"}
        await connection.execute(insert(ATTEMPT).values(delivery=delivery, **attempt, **counts))
        await hold(connection, "cmsi.send_weixin", NOW, "a storm", actor="cli:root")
        await events_for(connection, database.keys, [delivery], NOW)


async def rows_of(database: Database) -> dict[str, list[Any]]:
    async with database.reading(None) as connection:
        return {
            table.name: [*map(tuple, await connection.execute(select(table).order_by(*table.primary_key)))]
            for table in tables()
        }


@pytest.fixture
async def source(tmp_path: Path, opened: AsyncExitStack) -> Database:
    database = await opened.enter_async_context(open_database(f"sqlite:///{tmp_path}/source.db"))
    await fill(database)
    return database


async def test_a_copy_has_every_row_and_goes_on_counting(
    source: Database, database_url: str, opened: AsyncExitStack
) -> None:
    target = make_database(database_url)
    opened.push_async_callback(target.close)
    copied = await copy(source, target)

    await target.open()
    assert await rows_of(target) == await rows_of(source)
    assert {name: number for name, number in copied.items() if number} == {
        "app": 3,
        "app_secret": 3,
        "app_grant": 3,
        "app_change": 3,
        "change_counter": 1,
        "day_use": 2345,
        "database_key": 2,
        "history": 1,
        "schema_floor": 1,
        "delivery": 1,
        "recipient": 2,
        "delivery_message": 1,
        "content": 1,
        "attempt": 1,
        "credential_hold": 1,
        "callback_event": 1,
    }
    async with target.writing() as connection:
        assert await counted(connection) == 2
        more = {"sealed": None, "digest": "d", "hint": "h", "created": 1, "created_by": "cli:root"}
        added = await connection.execute(insert(APP_SECRET).values(app="shop", **more))
        assert added.inserted_primary_key is not None
        assert added.inserted_primary_key[0] > 21
        sealed = (await connection.execute(select(APP_SECRET.c.sealed).where(APP_SECRET.c.id == 11))).scalar_one()
        content = (await connection.execute(select(CONTENT.c.sealed))).scalar_one()
        shown = await DeliveryViews(connection, target.keys).delivery(DELIVERED)
    assert target.keys.unseal(sealed, "shop") == "secret-shop"
    assert target.keys.unseal_at(f"content/{DELIVERED}", content) == b"a message"
    assert shown is not None
    assert shown["accepted"] == ["zhangsan"]


async def test_it_goes_back_to_a_file_as_well(
    source: Database, database_url: str, opened: AsyncExitStack, tmp_path: Path
) -> None:
    there, back = make_database(database_url), make_database(f"sqlite:///{tmp_path}/back.db")
    for each in (there, back):
        opened.push_async_callback(each.close)
    await copy(source, there)
    await there.open()
    await copy(there, back)
    await back.open()
    assert await rows_of(back) == await rows_of(source)


async def test_a_database_with_rows_is_not_copied_into(source: Database, database: Database) -> None:
    await fill(database)
    before = await rows_of(database)
    with pytest.raises(NotEmpty, match="rows in its table"):
        await copy(source, database)
    assert await rows_of(database) == before


async def test_a_target_without_the_key_stays_empty(
    source: Database, database_url: str, opened: AsyncExitStack
) -> None:
    target = make_database(database_url, OTHER_KEY)
    opened.push_async_callback(target.close)
    with pytest.raises(DatabaseMismatch, match="encryption_keys"):
        await copy(source, target)
    await target.open()
    async with target.reading() as connection:
        assert ((await connection.execute(select(APP))).all(), await newest(connection)) == ([], 0)

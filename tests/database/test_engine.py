"""Transactions, and a database that goes away and comes back."""

import asyncio
import sqlite3
import threading
import traceback
from collections.abc import Callable
from contextlib import AsyncExitStack, closing
from pathlib import Path

import pytest
from sqlalchemy import insert, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from esb.database import trouble
from esb.database.changes import CHANGE, changed_since, counted, newest, note
from esb.database.engine import Database, DatabaseAway
from esb.database.migration import upgrade
from esb.database.schema import DatabaseMismatch
from tests.support.databases import make_database, open_database
from tests.support.servers.databases import OTHER_KEY, DatabaseServer


async def number(database: Database, seconds: float = 30.0) -> int:
    async with database.reading(seconds) as connection:
        return await newest(connection)


async def back(database: Database, turned: "asyncio.Queue[str]") -> None:
    """Wait until it is well again. It says so in the background: nobody asks it."""
    async with asyncio.timeout(30):
        while database.trouble:
            await turned.get()


@pytest.fixture
async def turned() -> "asyncio.Queue[str]":
    return asyncio.Queue()


async def opened_with(url: str, turned: "asyncio.Queue[str]", stack: AsyncExitStack) -> Database:
    database = make_database(url, turned=turned.put_nowait)
    stack.push_async_callback(database.close)
    await upgrade(database)
    await database.open()
    return database


async def test_what_is_written_can_be_read(database: Database) -> None:
    async with database.writing() as connection:
        found = await counted(connection)
        await note(connection, found, ["shop", "bank"], 1)
    async with database.reading() as connection:
        assert (await newest(connection), await changed_since(connection, 0)) == (1, ["bank", "shop"])


async def test_an_exception_undoes_all_of_a_writing(database: Database) -> None:
    async def write_and_fail() -> None:
        async with database.writing() as connection:
            await counted(connection)
            raise RuntimeError("oh")

    with pytest.raises(RuntimeError, match="oh"):
        await write_and_fail()
    assert (await number(database), database.trouble) == (0, "")


async def test_a_broken_rule_is_no_trouble_of_the_database(database: Database) -> None:
    row = {"number": 7, "app": "shop", "at": 1}
    with pytest.raises(IntegrityError):
        async with database.writing() as connection:
            await connection.execute(insert(CHANGE), [row, row])
    assert database.trouble == ""


async def test_codes_differ_by_case_and_accents(database: Database) -> None:
    codes = ["Shop", "shop", "shöp", "商店", "x" * 128]
    async with database.writing() as connection:
        await note(connection, 1, codes, 1)
    async with database.reading() as connection:
        found = (await connection.execute(select(CHANGE.c.app).where(CHANGE.c.app == "shop"))).scalars().all()
        every = (await connection.execute(select(CHANGE.c.app))).scalars().all()
    assert (found, sorted(every)) == (["shop"], sorted(codes))


async def test_writers_follow_each_other(database: Database) -> None:
    async def write(app: str) -> None:
        async with database.writing() as connection:
            await note(connection, await counted(connection), [app], 1)

    await asyncio.gather(*(write(f"app-{each}") for each in range(8)))
    async with database.reading() as connection:
        numbers = (await connection.execute(select(CHANGE.c.number).order_by(CHANGE.c.number))).scalars().all()
    assert numbers == [*range(1, 9)]


async def test_it_is_not_used_before_it_was_reached(database_url: str, opened: AsyncExitStack) -> None:
    database = make_database(database_url)
    opened.push_async_callback(database.close)
    for use in (database.reading, database.writing, database.snapshot):
        with pytest.raises(DatabaseAway):
            await opened.enter_async_context(use())
    with pytest.raises(DatabaseAway):
        _ = database.keys


async def test_a_database_without_tables_names_the_command(database_url: str, opened: AsyncExitStack) -> None:
    database = make_database(database_url)
    opened.push_async_callback(database.close)
    with pytest.raises(DatabaseMismatch, match="no tables yet: run `esb db upgrade`"):
        await database.open()


async def test_a_wrong_key_is_told_at_once(database_url: str, opened: AsyncExitStack) -> None:
    await opened.enter_async_context(open_database(database_url))
    database = make_database(database_url, OTHER_KEY)
    opened.push_async_callback(database.close)
    with pytest.raises(DatabaseMismatch, match=r"none of services\.database\.encryption_keys decrypts"):
        await database.open()


# Away


@pytest.mark.parametrize("end", [DatabaseServer.stop, DatabaseServer.kill])
async def test_it_comes_back_by_itself(
    own_server: DatabaseServer,
    end: Callable[[DatabaseServer], None],
    turned: "asyncio.Queue[str]",
    opened: AsyncExitStack,
) -> None:
    database = await opened_with(own_server.database(), turned, opened)
    end(own_server)
    try:
        with pytest.raises(DatabaseAway, match=trouble.REFUSED):
            await number(database)
        assert database.trouble == trouble.REFUSED
    finally:
        await asyncio.to_thread(own_server.start)

    await back(database, turned)
    assert await number(database) == 0


async def test_one_that_is_away_at_the_start_is_reached_later(
    own_server: DatabaseServer, turned: "asyncio.Queue[str]", opened: AsyncExitStack
) -> None:
    url = own_server.database()
    await opened.enter_async_context(open_database(url))
    own_server.kill()
    try:
        database = make_database(url, turned=turned.put_nowait)
        opened.push_async_callback(database.close)
        await database.open()
        assert database.trouble == trouble.REFUSED
        with pytest.raises(DatabaseAway, match=trouble.REFUSED):
            _ = database.keys
    finally:
        await asyncio.to_thread(own_server.start)

    await back(database, turned)
    assert await number(database) == 0


async def test_it_is_noticed_that_it_went_away_although_nobody_asks(
    own_server: DatabaseServer,
    turned: "asyncio.Queue[str]",
    opened: AsyncExitStack,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("esb.database.engine.IDLE_SECONDS", 0.05)
    database = await opened_with(own_server.database(), turned, opened)
    own_server.kill()
    try:
        async with asyncio.timeout(30):
            assert await turned.get() in {trouble.REFUSED, trouble.CUT_OFF}
    finally:
        await asyncio.to_thread(own_server.start)
    await back(database, turned)


async def test_one_that_fits_no_longer_stays_in_trouble_and_says_why(
    own_server: DatabaseServer, turned: "asyncio.Queue[str]", opened: AsyncExitStack
) -> None:
    url = own_server.database()
    database = await opened_with(url, turned, opened)
    own_server.sql("UPDATE alembic_version SET version_num = '9999'; DELETE FROM schema_floor", url.rpartition("/")[2])
    own_server.kill()
    with pytest.raises(DatabaseAway):
        await number(database)
    await asyncio.to_thread(own_server.start)

    async with asyncio.timeout(30):
        while "newer version" not in await turned.get():
            pass
    assert "install that version" in database.trouble


async def test_one_that_says_nothing_is_not_waited_for(
    own_server: DatabaseServer, turned: "asyncio.Queue[str]", opened: AsyncExitStack
) -> None:
    database = await opened_with(own_server.database(), turned, opened)
    own_server.pause()
    try:
        with pytest.raises(DatabaseAway, match=trouble.NO_ANSWER_IN_TIME):
            await number(database, 0.2)
    finally:
        own_server.resume()
    await back(database, turned)
    assert await number(database) == 0


async def test_a_connection_that_is_lost_in_the_middle_is_not_a_bug(
    own_server: DatabaseServer, turned: "asyncio.Queue[str]", opened: AsyncExitStack
) -> None:
    database = await opened_with(own_server.database(), turned, opened)

    async def cut_off(connection: AsyncConnection) -> None:
        await counted(connection)
        own_server.kill()
        await newest(connection)

    try:
        with pytest.raises(DatabaseAway, match=trouble.CUT_OFF):
            async with database.writing() as connection:
                await cut_off(connection)
    finally:
        await asyncio.to_thread(own_server.start)
    await back(database, turned)
    assert await number(database) == 0


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        ("secret", "hunter2", trouble.WRONG_LOGIN),
        ("/esb_", "/other_", trouble.NO_DATABASE),
        ("127.0.0.1", "nobody.invalid", f"{trouble.UNKNOWN_HOST}|{trouble.REFUSED}"),
    ],
)
async def test_the_reason_is_told_without_address_and_password(
    own_server: DatabaseServer, opened: AsyncExitStack, old: str, new: str, reason: str
) -> None:
    database = make_database(own_server.database().replace(old, new))
    opened.push_async_callback(database.close)
    with pytest.raises(DatabaseAway, match=reason) as raised:
        await database.require()
    told = "".join(traceback.format_exception(raised.value))
    assert not {"hunter2", "nobody.invalid", "127.0.0.1"} & {*told.replace('"', " ").replace("'", " ").split()}


async def test_all_connections_in_use_are_no_trouble_of_the_database(
    own_server: DatabaseServer, opened: AsyncExitStack, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("esb.database.engine.POOL_SECONDS", 0.05)
    database = await opened.enter_async_context(open_database(own_server.database()))
    async with AsyncExitStack() as stack:
        for _ in range(10):
            await stack.enter_async_context(database.reading())
        with pytest.raises(DatabaseAway, match=trouble.BUSY):
            await number(database)
        assert database.trouble == ""
    assert await number(database) == 0


# SQLite


async def test_readers_of_a_file_do_not_wait_for_a_writer(tmp_path: Path) -> None:
    async with open_database(f"sqlite:///{tmp_path}/esb.db") as database, database.writing() as connection:
        await counted(connection)
        assert await number(database) == 0


async def test_a_file_that_another_process_holds_for_too_long_is_told(
    tmp_path: Path, opened: AsyncExitStack, turned: "asyncio.Queue[str]", monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("esb.database.connections.BUSY_MILLISECONDS", 50)
    database = await opened_with(f"sqlite:///{tmp_path}/esb.db", turned, opened)
    with closing(sqlite3.connect(tmp_path / "esb.db", isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(DatabaseAway, match=trouble.LOCKED):
            async with database.writing() as connection:
                await counted(connection)
        other.execute("COMMIT")
    assert database.trouble == ""
    async with database.writing() as connection:
        assert await counted(connection) == 1


async def test_a_file_is_its_owners_alone_and_none_but_an_upgrade_makes_it(tmp_path: Path) -> None:
    url, folder = f"sqlite:///{tmp_path}/data/a b.db", tmp_path / "data"
    database = make_database(url)
    with pytest.raises(DatabaseMismatch, match="esb db upgrade"):
        await database.open()
    await database.close()
    assert not folder.exists()
    async with open_database(url) as database, database.writing() as connection:
        await counted(connection)
        files = {path.name: path.stat().st_mode & 0o777 for path in folder.iterdir()}
    assert (files, folder.stat().st_mode & 0o777) == (
        dict.fromkeys(["a b.db", "a b.db-shm", "a b.db-wal"], 0o600),
        0o700,
    )


async def test_a_file_that_is_no_database_is_told(tmp_path: Path) -> None:
    (tmp_path / "esb.db").write_bytes(b"no database, but long enough to be looked at" * 100)
    database = make_database(f"sqlite:///{tmp_path}/esb.db")
    with pytest.raises(DatabaseAway, match=trouble.NOT_A_DATABASE):
        await database.require()
    await database.close()


async def test_what_is_no_file_is_told(tmp_path: Path) -> None:
    (tmp_path / "esb.db").mkdir()
    database = make_database(f"sqlite:///{tmp_path}/esb.db")
    for use in (database.require, database.schema):
        with pytest.raises(DatabaseAway, match=trouble.NO_FILE):
            await use()
    await database.close()


async def test_one_that_cannot_be_written_is_read_as_ever_and_in_trouble_until_somebody_writes(
    tmp_path: Path, turned: "asyncio.Queue[str]", opened: AsyncExitStack
) -> None:
    database = await opened_with(f"sqlite:///{tmp_path}/esb.db", turned, opened)

    async def fill() -> None:
        async with database.writing() as connection:
            await connection.exec_driver_sql("PRAGMA max_page_count=1")
            await connection.exec_driver_sql("CREATE TABLE filling AS SELECT zeroblob(1000000)")

    for _ in range(2):
        with pytest.raises(DatabaseAway, match="the disk of the database is full"):
            await fill()
        assert await number(database) == 0
        assert (database.trouble, database.is_away) == ("the disk of the database is full", False)
    async with database.writing() as connection:
        await connection.exec_driver_sql("PRAGMA max_page_count=1000000")
        await counted(connection)
    assert database.trouble == ""
    assert [turned.get_nowait() for _ in range(turned.qsize())] == ["the disk of the database is full", ""]


async def test_nothing_is_written_into_a_file_that_is_gone(
    tmp_path: Path, turned: "asyncio.Queue[str]", opened: AsyncExitStack
) -> None:
    database = await opened_with(f"sqlite:///{tmp_path}/esb.db", turned, opened)
    file = tmp_path / "esb.db"
    await asyncio.to_thread(file.rename, tmp_path / "gone.db")

    async def count() -> None:
        async with database.writing() as connection:
            await counted(connection)

    with pytest.raises(DatabaseAway, match="cannot be opened"):
        await count()
    await asyncio.to_thread((tmp_path / "gone.db").rename, file)
    await back(database, turned)
    await count()
    assert await number(database) == 1


async def test_a_file_in_whose_place_another_one_is_put_is_left_for_it(
    tmp_path: Path, opened: AsyncExitStack, turned: "asyncio.Queue[str]"
) -> None:
    database = await opened_with(f"sqlite:///{tmp_path}/esb.db", turned, opened)
    async with open_database(f"sqlite:///{tmp_path}/backup.db") as backup:
        async with backup.writing() as connection:
            await counted(connection)
        digest = backup.keys.digest("shop", "secret")
    for name in ("esb.db-wal", "esb.db-shm"):
        await asyncio.to_thread((tmp_path / name).unlink)
    await asyncio.to_thread((tmp_path / "backup.db").rename, tmp_path / "esb.db")

    with pytest.raises(DatabaseAway, match="another file"):
        await number(database)
    await back(database, turned)

    assert (await number(database), database.keys.digest("shop", "secret")) == (1, digest)


async def test_no_thread_of_what_was_cut_off_outlives_the_database(tmp_path: Path) -> None:
    """The driver's thread answers the loop: if that is gone by then, nobody would hear why it fails."""
    begun = asyncio.Event()

    async def write(database: Database) -> None:
        async with database.writing() as connection:
            begun.set()
            while True:
                await counted(connection)

    before = set(threading.enumerate())
    for _ in range(5):
        begun.clear()
        async with open_database(f"sqlite:///{tmp_path}/esb.db") as database:
            writing = asyncio.create_task(write(database))
            await begun.wait()
            writing.cancel()
            await asyncio.gather(writing, return_exceptions=True)
        drivers = [each for each in threading.enumerate() if each not in before and "worker_thread" in each.name]
        assert drivers == []

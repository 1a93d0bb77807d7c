"""Upgrades of the schema: one at a time, and again after one that was cut off."""

import asyncio
import os
import signal
import sqlite3
import sys
from contextlib import AsyncExitStack, closing
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, inspect, text, update

from esb.database import migration
from esb.database.changes import newest
from esb.database.engine import Database
from esb.database.metadata import METADATA
from esb.database.migration import UpgradeElsewhere, upgrade
from esb.database.schema import REVISIONS, SCHEMA_FLOOR, VERSION, DatabaseMismatch, head, known, schema_state
from esb.database.tables import tables
from tests.support.databases import make_database, open_database
from tests.support.processes import cut_off_upgrade
from tests.support.repository import ROOT
from tests.support.servers.databases import OTHER_KEY, DatabaseServer

HEAD = head()


async def test_an_upgrade_makes_the_tables_that_the_code_describes(database: Database) -> None:
    def differences(connection: Connection) -> list[object]:
        context = MigrationContext.configure(connection, opts={"target_metadata": METADATA, "compare_type": True})
        assert {table.name for table in tables()} < {*inspect(connection).get_table_names()}
        return [*compare_metadata(context, METADATA)]

    async with database.bare() as connection:
        assert await connection.run_sync(differences) == []


async def test_a_second_upgrade_finds_nothing_to_do(database_url: str, opened: AsyncExitStack) -> None:
    database = make_database(database_url)
    opened.push_async_callback(database.close)
    assert (await upgrade(database)).revision == ""
    assert (await upgrade(database)).revision == head() == known()[-1]
    async with database.bare() as connection:
        assert (await schema_state(connection)).mismatch == ""


async def test_of_four_upgrades_at_once_one_does_it(database_url: str, opened: AsyncExitStack) -> None:
    databases = [make_database(database_url) for _ in range(4)]
    for database in databases:
        opened.push_async_callback(database.close)
    before = await asyncio.gather(*map(upgrade, databases))
    assert sorted(state.revision for state in before) == ["", *[head()] * 3]
    await databases[0].open()


async def test_an_upgrade_waits_for_who_has_a_new_file_of_sqlite(tmp_path: Path, opened: AsyncExitStack) -> None:
    other = opened.enter_context(closing(sqlite3.connect(tmp_path / "esb.db", isolation_level=None)))
    other.execute("BEGIN IMMEDIATE")  # with the file as SQLite makes it, whose log nobody can switch meanwhile
    database = make_database(f"sqlite:///{tmp_path}/esb.db")
    opened.push_async_callback(database.close)
    asyncio.get_running_loop().call_later(0.05, other.execute, "ROLLBACK")
    assert (await upgrade(database)).revision == ""
    assert other.execute("PRAGMA journal_mode").fetchone() == ("wal",)


@pytest.mark.parametrize("revision", ["0001", "0005", "0009", "keys"])
async def test_an_upgrade_that_was_killed_is_taken_up_again(database_url: str, revision: str) -> None:
    script = [sys.executable, "-m", cut_off_upgrade.__name__, database_url, revision]
    killed = await asyncio.create_subprocess_exec(*script, cwd=ROOT)
    assert await killed.wait() == -signal.SIGKILL

    async with open_database(database_url) as database, database.reading() as connection:
        assert (await schema_state(connection)).revision == head()
        assert await newest(connection) == 0


async def test_an_upgrade_that_waits_too_long_for_another_says_so(
    postgresql: DatabaseServer, monkeypatch: pytest.MonkeyPatch, opened: AsyncExitStack
) -> None:
    database = await opened.enter_async_context(open_database(postgresql.database()))
    monkeypatch.setattr(migration, "LOCK_SECONDS", 0.05)
    async with database.bare() as connection:
        await connection.execute(text(f"SELECT pg_advisory_xact_lock({migration.LOCK_NUMBER})"))
        with pytest.raises(UpgradeElsewhere):
            await upgrade(database)


async def test_upgrades_of_two_databases_of_a_server_do_not_wait_for_each_other(
    mariadb: DatabaseServer, monkeypatch: pytest.MonkeyPatch, opened: AsyncExitStack
) -> None:
    monkeypatch.setattr(migration, "LOCK_SECONDS", 10.0)
    one, other = make_database(mariadb.database()), make_database(mariadb.database())
    for database in (one, other):
        opened.push_async_callback(database.close)
    async with one.bare() as connection, migration._lock(connection):
        assert (await upgrade(other)).revision == ""


async def test_an_upgrade_with_a_wrong_key_is_refused(database_url: str, opened: AsyncExitStack) -> None:
    await opened.enter_async_context(open_database(database_url))
    database = make_database(database_url, OTHER_KEY)
    opened.push_async_callback(database.close)
    with pytest.raises(DatabaseMismatch, match="encryption_keys"):
        await upgrade(database)


@pytest.mark.parametrize(
    ("revision", "floor", "told"),
    [
        ("0003", HEAD, f"is 0003, and this version needs {HEAD}: run `esb db upgrade`"),
        ("9999", "9998", "of a newer version of the gateway: install that version"),
        ("9999", HEAD, ""),
        ("9999", "0002", ""),
    ],
)
async def test_another_schema_is_refused_unless_it_is_newer_and_works(
    database: Database, database_url: str, opened: AsyncExitStack, revision: str, floor: str, told: str
) -> None:
    async with database.writing() as connection:
        await connection.execute(update(VERSION).values(version_num=revision))
        await connection.execute(update(SCHEMA_FLOOR).values(revision=floor))
    async with database.bare() as connection:
        mismatch = (await schema_state(connection)).mismatch
    assert told in mismatch
    assert bool(told) == bool(mismatch)

    again = make_database(database_url)
    opened.push_async_callback(again.close)
    if told:
        with pytest.raises(DatabaseMismatch, match=told.split(":")[0]):
            await again.open()
    else:
        await again.open()
        assert (await upgrade(again)).revision == revision  # which stays


def test_a_file_that_root_makes_is_its_folders_owners(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    given: list[tuple[int, int]] = []
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setattr(os, "fchown", lambda _, user, group: given.append((user, group)))

    async def upgraded() -> None:
        async with open_database(f"sqlite:///{tmp_path}/esb.db"):
            pass

    asyncio.run(upgraded())
    asyncio.run(upgraded())
    folder = tmp_path.stat()
    assert given == [(folder.st_uid, folder.st_gid)]


def test_revisions_follow_each_other_and_are_named_after_their_files() -> None:
    scripts = [*ScriptDirectory(str(REVISIONS), version_locations=[str(REVISIONS)]).walk_revisions()]
    assert [script.revision for script in reversed(scripts)] == [*known()]
    assert [Path(script.path).name[1:5] for script in reversed(scripts)] == [*known()]
    assert {script.is_head for script in scripts[1:]} == {False}


def test_what_an_upgrade_leaves_as_the_oldest_revision_is_the_last_that_does_not_expand(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert migration._floor() == head()
    found = migration._scripts()
    monkeypatch.setattr(migration, "_scripts", lambda: found)
    for script in found.walk_revisions():
        if script.revision in known()[-2:]:
            monkeypatch.setattr(script.module, "expands", True, raising=False)
    assert migration._floor() == known()[-3]

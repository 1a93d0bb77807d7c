"""The recorder of use: its batches in the database, what waits while that is away, and the end of old rows."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import pytest
from sqlalchemy import insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from esb.core.events import Crashed, Event, Observer
from esb.core.process_events import UseDropped
from esb.database import retention, use_recorder, write_behind
from esb.database.changes import CHANGE, CHANGE_COUNTER
from esb.database.engine import Database, DatabaseAway
from esb.database.history import HISTORY
from esb.database.retention import KEPT_CHANGE_DAYS
from esb.database.use import DAY_USE, IMPERSONATED_USE
from esb.database.use_counts import UseCounts
from esb.database.use_recorder import UseRecorder
from tests.support.databases import open_database
from tests.support.servers.databases import DatabaseServer
from tests.support.use import HOUR, NOON, TODAY, day_rows, ended, hour_rows, named

SENT = "cmsi.send_weixin"
KEPT_DAYS = 400


class Interrupted:
    """A database that raises `trouble`, as long as there is some, instead of what a writer asks for."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.trouble: Exception | None = None
        self.asked = asyncio.Event()

    @asynccontextmanager
    async def writing(self) -> AsyncIterator[AsyncConnection]:
        self.asked.set()
        if self.trouble is not None:
            raise self.trouble
        async with self.database.writing() as connection:
            yield connection


class Recorded:
    """A recorder, what is behind it, and the events that it told."""

    def __init__(self, database: Database) -> None:
        self.events: list[Event] = []
        self.now = NOON
        self.database = Interrupted(database)
        self.count = UseCounts(lambda: self.now)
        observer = Observer([self.events.append])
        self.recorder = UseRecorder(
            self.count,
            self.database,  # type: ignore[arg-type]  # as far as it is used
            observer,
            lambda: KEPT_DAYS,
        )


@pytest.fixture
def recorded(database: Database) -> Recorded:
    return Recorded(database)


async def test_calls_are_written_and_added_to_those_that_are_there(recorded: Recorded, database: Database) -> None:
    for event in (ended(), ended(), named(), ended(secret_id=0, component="send_mail")):
        recorded.count(event)
    await recorded.recorder.write()
    recorded.count(named())
    recorded.count(named("lisi"))
    await recorded.recorder.write()
    await recorded.recorder.write()
    assert await day_rows(database) == [("shop", TODAY, 0, "cmsi.send_mail", 1), ("shop", TODAY, 7, SENT, 5)]
    assert await hour_rows(database) == [("shop", "lisi", HOUR, SENT, 1), ("shop", "zhangsan", HOUR, SENT, 2)]


async def test_some_processes_add_to_the_same_rows(database: Database) -> None:
    processes = [Recorded(database) for _ in range(4)]
    for process in processes:
        for number in range(20):
            process.count(named(f"user{number}"))
    await asyncio.gather(*(process.recorder.write() for process in processes))
    assert await day_rows(database) == [("shop", TODAY, 7, SENT, 80)]
    assert [row[-1] for row in await hour_rows(database)] == [4] * 20


async def test_many_rows_are_written_by_more_than_one_transaction(
    recorded: Recorded, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(use_recorder, "ROWS_AT_ONCE", 2)
    for number in range(5):
        recorded.count(named(f"user{number}"))
    await recorded.recorder.write()
    assert [row[1] for row in await hour_rows(database)] == [f"user{number}" for number in range(5)]
    assert await day_rows(database) == [("shop", TODAY, 7, SENT, 5)]


async def test_rows_wait_while_the_database_is_away(recorded: Recorded, database: Database) -> None:
    recorded.database.trouble = DatabaseAway("it does not answer")
    recorded.count(named())
    with pytest.raises(DatabaseAway):
        await recorded.recorder.write()
    recorded.count(named())
    recorded.now += 3600
    recorded.database.trouble = None
    await recorded.recorder.write()
    assert await hour_rows(database) == [("shop", "zhangsan", HOUR, SENT, 2)]
    assert await day_rows(database) == [("shop", TODAY, 7, SENT, 2)]


async def test_what_was_counted_while_a_server_was_dead_is_written_when_it_is_back(
    own_server: DatabaseServer, opened: AsyncExitStack
) -> None:
    database = await opened.enter_async_context(open_database(own_server.database()))
    recorded = Recorded(database)
    recorded.count(named())
    await recorded.recorder.write()
    own_server.kill()
    try:
        for _ in range(2):
            recorded.count(named())
            with pytest.raises(DatabaseAway):
                await recorded.recorder.write()
    finally:
        await asyncio.to_thread(own_server.start)
    await recorded.recorder.write()
    assert await hour_rows(database) == [("shop", "zhangsan", HOUR, SENT, 3)]


async def test_a_name_that_no_database_takes_keeps_no_other_back(recorded: Recorded, database: Database) -> None:
    for app in ("shop", "a" * 129, "nul\0"):
        recorded.count(ended(app=app))
    await recorded.recorder.write()
    assert await day_rows(database) == [("shop", TODAY, 7, SENT, 1)]
    await recorded.recorder.close()
    assert recorded.events == [UseDropped(2)]


# In the background


async def test_it_writes_by_itself(recorded: Recorded, database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(write_behind, "WRITING_SECONDS", 0.0)
    recorded.count(ended())
    recorded.recorder.open()
    await recorded.database.asked.wait()
    await recorded.recorder.close()
    assert await day_rows(database) == [("shop", TODAY, 7, SENT, 1)]


async def test_what_is_left_is_written_at_the_end(recorded: Recorded, database: Database) -> None:
    recorded.recorder.open()
    recorded.count(named())
    await recorded.recorder.close()
    assert await day_rows(database) == [("shop", TODAY, 7, SENT, 1)]
    assert await hour_rows(database) == [("shop", "zhangsan", HOUR, SENT, 1)]
    assert recorded.events == []


async def test_what_cannot_be_written_at_the_end_is_told(recorded: Recorded) -> None:
    recorded.database.trouble = DatabaseAway("it does not answer")
    recorded.recorder.open()
    for event in (named(), named("lisi"), ended()):
        recorded.count(event)
    await recorded.recorder.close()
    assert recorded.events == [UseDropped(3)]


async def test_what_is_dropped_is_told_once_a_minute(recorded: Recorded, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(write_behind, "WRITING_SECONDS", 0.0)
    recorded.database.trouble = DatabaseAway("it does not answer")
    recorded.count(ended())
    recorded.recorder.open()
    for calls in (1, 2, 3):
        recorded.count.dropped += calls
        for _ in range(2):
            recorded.database.asked.clear()
            await recorded.database.asked.wait()
    assert recorded.events == [UseDropped(1)]
    await recorded.recorder.close()
    assert recorded.events == [UseDropped(1), UseDropped(6)]


async def test_a_database_that_does_not_answer_delays_the_end_for_some_seconds_only(
    recorded: Recorded, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(write_behind, "LAST_SECONDS", 0.0)
    recorded.recorder.open()
    recorded.count(ended())
    await recorded.recorder.close()
    assert recorded.events == [UseDropped(1)]


async def test_what_was_not_foreseen_is_a_crash_and_comes_not_again(
    recorded: Recorded, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(write_behind, "WRITING_SECONDS", 0.0)
    recorded.database.trouble = LookupError("a bug")
    recorded.count(ended())
    recorded.recorder.open()
    await recorded.database.asked.wait()
    recorded.database.trouble = None
    recorded.count(ended(app="billing"))
    await recorded.recorder.close()
    assert await day_rows(database) == [("billing", TODAY, 7, SENT, 1)]
    crash, dropped = recorded.events
    assert isinstance(crash, Crashed)
    assert (crash.kind, dropped) == ("LookupError", UseDropped(1))


# The end of old rows


async def put(database: Database, days: Any, hours: Any) -> None:
    use = {"app": "shop", "component": SENT, "calls": 1}
    async with database.writing() as connection:
        await connection.execute(insert(DAY_USE), [{**use, "secret": 7, "day": day} for day in days])
        await connection.execute(insert(IMPERSONATED_USE), [{**use, "username": "li", "hour": hour} for hour in hours])


async def test_rows_of_use_that_are_too_old_are_deleted_some_at_a_time(
    recorded: Recorded, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retention, "FORGOTTEN_AT_ONCE", 2)
    first = TODAY - KEPT_DAYS
    await put(database, range(first - 3, first + 1), range(first * 24 - 1, first * 24 + 1))
    recorded.now += 3600
    await recorded.recorder.forget()
    assert [row[1] for row in await day_rows(database)] == [first - 1, first]
    assert [row[2] for row in await hour_rows(database)] == [first * 24]
    await recorded.recorder.forget()
    assert [row[1] for row in await day_rows(database)] == [first]


async def test_history_that_is_too_old_is_deleted(recorded: Recorded, database: Database) -> None:
    first = (TODAY - KEPT_DAYS) * 86_400_000
    row = {"actor": "cli:root", "via": "cli", "action": "app.create", "app": "shop", "before": "null", "after": "{}"}
    async with database.writing() as connection:
        await connection.execute(insert(HISTORY), [{**row, "at": first - 1}, {**row, "at": first}])
    recorded.now += 3600
    await recorded.recorder.forget()
    async with database.reading() as connection:
        assert [*(await connection.execute(select(HISTORY.c.at))).scalars()] == [first]


async def test_old_rows_are_looked_for_once_an_hour(recorded: Recorded, database: Database) -> None:
    recorded.now += 3600
    await recorded.recorder.forget()
    recorded.database.trouble = LookupError("it was asked")
    await recorded.recorder.forget()
    recorded.now += 3600
    with pytest.raises(LookupError):
        await recorded.recorder.forget()


async def test_changes_that_every_reader_has_seen_are_deleted_but_for_the_last(
    recorded: Recorded, database: Database
) -> None:
    before = (TODAY - KEPT_CHANGE_DAYS) * 86_400_000
    at = {1: before - 2, 2: before - 1, 3: before, 4: before - 1}
    async with database.writing() as connection:
        await connection.execute(insert(CHANGE), [{"number": each, "app": "shop", "at": at[each]} for each in at])
        await connection.execute(update(CHANGE_COUNTER).values(number=4))
    recorded.now += 3600
    await recorded.recorder.forget()
    async with database.reading() as connection:
        kept = await connection.execute(select(CHANGE.c.number).order_by(CHANGE.c.number))
        assert [*kept.scalars()] == [3, 4]

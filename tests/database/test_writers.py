"""Writers beside each other, and one that is killed in the middle."""

import asyncio
import sys

from esb.database.engine import Database
from esb.database.registry import Registry
from esb.database.registry_errors import AlreadyThere
from tests.support.databases import make_database
from tests.support.processes import cut_off_write
from tests.support.registry import NOW, ROOT, Registered
from tests.support.repository import ROOT as REPOSITORY

WRITERS = 8


async def test_writers_follow_each_other(records: Registered) -> None:
    async def write(number: int) -> None:
        async with records.writing() as writer:
            await writer.apps.create(f"app{number}")

    await asyncio.gather(*map(write, range(WRITERS)))
    changes = await records.changes()
    assert [number for number, _ in changes] == [*range(1, WRITERS + 1)]
    assert {app for _, app in changes} == {f"app{number}" for number in range(WRITERS)}
    assert await records.number() == WRITERS


async def test_two_writers_of_one_app_do_not_both_make_it(database_url: str, records: Registered) -> None:
    other = make_database(database_url)
    await other.open()

    async def create(database: Database) -> str:
        try:
            async with Registry(database, lambda: NOW).writing(ROOT) as write:
                await write.apps.create("monitor")
        except AlreadyThere as error:
            return str(error)
        return ""

    outcomes = await asyncio.gather(create(records.database), create(other))
    await other.close()
    assert sorted(outcomes) == ["", "there is an app 'monitor' already"]
    assert await records.actions() == ["app.create"]


async def test_a_writer_that_is_killed_leaves_nothing_and_stops_nobody(database_url: str, records: Registered) -> None:
    async with records.writing() as write:
        await write.apps.create("monitor")
    script = [sys.executable, "-m", cut_off_write.__name__, database_url]
    writer = await asyncio.create_subprocess_exec(*script, cwd=REPOSITORY, stdout=asyncio.subprocess.PIPE)
    assert writer.stdout is not None
    assert await writer.stdout.readline() == b"written\n"
    assert (await records.app())["grants"] == []
    writer.kill()
    await writer.wait()
    async with records.writing() as write:
        await write.apps.set_disabled("monitor", True)
    assert await records.actions() == ["app.create", "app.disable"]
    assert await records.changes() == [(1, "monitor"), (2, "monitor")]
    assert (await records.app())["grants"] == []

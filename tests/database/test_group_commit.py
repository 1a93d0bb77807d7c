"""Writes of many callers share transactions: each has its own result, and all of a group share its end."""

import asyncio
from collections.abc import Sequence

import pytest
from sqlalchemy import func, insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from esb.database.deliveries import DELIVERY_MESSAGE
from esb.database.engine import Database, DatabaseAway
from esb.database.group_commit import CommitInDoubt, GroupCommit

pytestmark = pytest.mark.parametrize("back_end", ["sqlite"])  # nothing here depends on it


class Writes:
    """Writes of messages' ids, whose groups are noted, and which wait while it is closed."""

    def __init__(self, database: Database, at_once: int = 500) -> None:
        self.database = database
        self.groups: list[list[str]] = []
        self.open = asyncio.Event()
        self.open.set()
        self.begun = asyncio.Event()
        self.together = GroupCommit(database, self.write, at_once)

    async def write(self, connection: AsyncConnection, items: Sequence[str]) -> Sequence[str]:
        self.groups.append([*items])
        self.begun.set()
        await self.open.wait()
        if "away" in items:
            raise DatabaseAway("away")
        rows = [{"msgid": item, "delivery": "0" * 32, "sent": 0} for item in items]
        await connection.execute(insert(DELIVERY_MESSAGE), rows)
        if "broken" in items:
            raise KeyError("broken")
        return [item.upper() for item in items]

    async def count(self) -> int:
        async with self.database.reading() as connection:
            return int(await connection.scalar(select(func.count()).select_from(DELIVERY_MESSAGE)) or 0)


async def test_what_comes_while_one_is_under_way_shares_the_next_transaction(database: Database) -> None:
    writes = Writes(database, at_once=3)
    writes.open.clear()
    first = asyncio.create_task(writes.together.submit("a"))
    await writes.begun.wait()
    others = [asyncio.create_task(writes.together.submit(item)) for item in "bcde"]
    await asyncio.sleep(0)
    writes.open.set()
    assert await asyncio.gather(first, *others) == ["A", "B", "C", "D", "E"]
    assert writes.groups == [["a"], ["b", "c", "d"], ["e"]]
    assert await writes.count() == 5


async def test_one_that_cannot_be_written_undoes_its_group_and_no_other(database: Database) -> None:
    writes = Writes(database)
    group = await asyncio.gather(*map(writes.together.submit, ["a", "broken"]), return_exceptions=True)
    assert [type(each) for each in group] == [KeyError, KeyError]
    assert await writes.count() == 0
    assert await writes.together.submit("b") == "B"


async def test_it_tells_apart_what_was_not_written_and_what_may_have_been(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    writes = Writes(database)
    with pytest.raises(DatabaseAway) as away:
        await writes.together.submit("away")
    assert type(away.value) is DatabaseAway

    async def cut_off(_connection: AsyncConnection) -> bool:
        raise DatabaseAway("cut off")

    monkeypatch.setattr(database.keys, "prove", cut_off)  # the last step before the end of a transaction
    with pytest.raises(CommitInDoubt):
        await writes.together.submit("a")


async def test_a_caller_who_leaves_takes_nothing_back_and_closing_waits_for_it(database: Database) -> None:
    writes = Writes(database)
    writes.open.clear()
    leaving = asyncio.create_task(writes.together.submit("a"))
    await writes.begun.wait()
    leaving.cancel()
    with pytest.raises(asyncio.CancelledError):
        await leaving
    closing = asyncio.create_task(writes.together.close())
    await asyncio.sleep(0)
    assert not closing.done()
    writes.open.set()
    await closing
    assert await writes.count() == 1

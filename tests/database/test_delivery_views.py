"""Looks for deliveries: by whatever is known of them, page by page, and one with the fate of each receiver."""

from contextlib import AsyncExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from esb.core.delivery_states import DeliveryState, ReceiverState
from esb.core.uuid7 import uuid7
from esb.database.delivery_views import BadCursor, DeliveryViews, Page, Wanted
from esb.database.engine import Database
from tests.support.databases import open_database
from tests.support.delivery_rows import NOW, add_delivery
from tests.support.query_plans import asked_of, plans_of

DAY = 86_400_000


async def page(database: Database, **wanted: Any) -> Page:
    async with database.reading() as connection:
        return await DeliveryViews(connection, database.keys).page(Wanted(**wanted))


async def ids(database: Database, **wanted: Any) -> list[str]:
    return [each["id"] for each in (await page(database, **wanted)).deliveries]


async def test_a_delivery_is_found_by_whatever_is_known_of_it(database: Database) -> None:
    other = await add_delivery(database, [("lisi", ReceiverState.ACCEPTED)], app="shop", id=uuid7(NOW - 1))
    mine = await add_delivery(
        database,
        [("zhangsan", ReceiverState.FAILED)],
        msgids=["m-1"],
        state=DeliveryState.DEAD,
        failure="receiver",
        component="cmsi.send_mail",
        request_id="a" * 32,
    )
    for wanted in (
        {"app": "monitor"},
        {"app": "monitor", "state": DeliveryState.DEAD},
        {"component": "cmsi.send_mail"},
        {"state": DeliveryState.DEAD},
        {"state": DeliveryState.DEAD, "failure": "receiver"},
        {"failure": "receiver"},
        {"request_id": "a" * 32},
        {"msgid": "m-1"},
        {"receiver": "zhangsan"},
        {"receiver": "address of zhangsan"},
        {"receiver": "zhangsan", "app": "monitor", "state": DeliveryState.DEAD},
        {"since": NOW},
    ):
        assert await ids(database, **wanted) == [mine], wanted
    assert await ids(database) == [mine, other]
    assert await ids(database, until=NOW) == [other]
    for nothing in ({"app": "Monitor"}, {"receiver": "wangwu"}, {"app": "shop", "component": "cmsi.send_mail"}):
        assert await ids(database, **nothing) == [], nothing
    assert await ids(database, app="monitor ") == await ids(database, msgid="\0") == []


@pytest.mark.parametrize(
    "wanted", [{}, {"app": "monitor"}, {"receiver": "zhangsan"}, {"component": "cmsi.send_weixin"}]
)
async def test_pages_go_on_where_the_one_before_ended(database: Database, wanted: dict[str, Any]) -> None:
    made = [
        await add_delivery(database, id=uuid7(NOW + number), state=DeliveryState(number % 4)) for number in range(7)
    ]
    found, asked = [], Wanted(**wanted, most=3)
    for _ in range(3):
        got = await page(database, **{name: getattr(asked, name) for name in Wanted.__slots__})
        found.append([each["id"] for each in got.deliveries])
        if got.cursor is not None:
            asked = replace(asked, cursor=got.cursor)
    assert got.cursor is None
    assert [len(each) for each in found] == [3, 3, 1]
    assert [each for part in found for each in part] == made[::-1]


async def test_those_of_a_state_alone_come_by_the_time_when_they_are_due_or_have_ended(database: Database) -> None:
    made = [
        await add_delivery(database, state=DeliveryState.QUEUED, due=due, priority=priority)
        for due, priority in ((5, 0), (7, 9), (5, 9), (6, 5))
    ]
    first = await page(database, state=DeliveryState.QUEUED, most=2)
    assert [each["id"] for each in first.deliveries] == [made[1], made[3]]
    second = await page(database, state=DeliveryState.QUEUED, most=2, cursor=first.cursor)
    assert {each["id"] for each in second.deliveries} == {made[0], made[2]}
    assert second.cursor is None


@pytest.mark.parametrize("cursor", ["", "x", "a" * 31, "A" * 32, f"5-{'a' * 32}", f"-{'a' * 32}"])
async def test_a_cursor_that_no_page_has_given_is_told(database: Database, cursor: str) -> None:
    with pytest.raises(BadCursor):
        await page(database, cursor=cursor)
    with pytest.raises(BadCursor):
        await page(database, state=DeliveryState.DONE, cursor=f"²-{'a' * 32}")


async def test_a_delivery_tells_the_fate_of_each_receiver(database: Database) -> None:
    states = [*zip("abcdefgh", list(ReceiverState)[2:], strict=True)]
    identity = await add_delivery(
        database,
        states,
        msgids=["2", "1"],
        state=DeliveryState.DEAD,
        failure="receiver",
        refusal=("60111", "no such user"),
    )
    async with database.reading() as connection:
        views = DeliveryViews(connection, database.keys)
        found = await views.delivery(identity)
        assert await views.delivery(identity, "monitor") == found
        assert await views.delivery(identity, "shop") is None
        assert await views.delivery(identity[:-1] + "g") is await views.delivery("\0") is None
    assert found is not None
    assert found["delivery"]["state"] == "dead"
    assert (found["delivery"]["due"], found["delivery"]["ended"]) == (None, "2027-01-15T08:00:00Z")
    assert (found["accepted"], found["unknown"]) == (["a", "b", "c"], ["e"])
    refused = {"receiver": "d", "errcode": 60111, "errmsg": "no such user", "class": "receiver"}
    assert found["failed"] == [refused, {"receiver": "g", "errcode": None, "errmsg": ""}]
    assert found["receivers"][3] == {**refused, "state": "failed"}
    assert [each["state"] for each in found["receivers"]] == [state.word for _, state in states]
    assert (found["msgids"], found["class"]) == (["1", "2"], "receiver")


async def test_no_look_reads_the_whole_table(opened: AsyncExitStack, tmp_path: Path) -> None:
    """Each statement of each search is answered from an index, as SQLite's plan says."""
    database = await opened.enter_async_context(open_database(f"sqlite:///{tmp_path}/esb.db"))
    searches: list[dict[str, Any]] = [
        {"app": "monitor"},
        {"app": "monitor", "state": DeliveryState.DEAD},
        {"component": "cmsi.send_mail"},
        {"state": DeliveryState.DEAD},
        {"request_id": "a" * 32},
        {"msgid": "m"},
        {"receiver": "zhangsan"},
        {"since": NOW},
    ]
    async with database.reading() as connection:
        with asked_of(connection) as asked:
            for wanted in searches:
                await DeliveryViews(connection, database.keys).page(Wanted(**wanted))
        plans = await plans_of(connection, asked)
    assert len(plans) > len(searches)
    assert not [plan for plan in plans if "SCAN" in plan]
    sorting = [plan for plan in plans if "TEMP B-TREE FOR ORDER BY" in plan]
    assert all("request_id" in plan or "msgid" in plan for plan in sorting)  # which few deliveries share

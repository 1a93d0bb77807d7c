"""The history page by page: what was written and calls in somebody's name, none twice and none left out."""

import base64
import json
from typing import Any

import pytest

from esb.database.registry_errors import NotAcceptable
from tests.support.registry import Registered
from tests.support.use import HOUR, write_use

SENT, MAILED = "cmsi.send_weixin", "cmsi.send_mail"


async def pages(records: Registered, **wanted: Any) -> list[list[dict[str, Any]]]:
    """Return all pages, each asked for by the cursor of the one before."""
    found: list[list[dict[str, Any]]] = []
    cursor = None
    async with records.registry.reading() as views:
        while not found or cursor is not None:
            rows, cursor = await views.history(**wanted, cursor=cursor)
            found.append(rows)
    return found


async def write(records: Registered, count: int, code: str = "shop") -> None:
    """Make an app, and give it rights: as many rows, one more."""
    async with records.writing() as writing:
        await writing.apps.create(code)
        for number in range(count):
            await writing.grants.add(code, f"cc.n{number}")


async def test_each_page_begins_where_the_one_before_has_ended(records: Registered) -> None:
    await write(records, 6)
    found = await pages(records, limit=3)
    assert [len(page) for page in found] == [3, 3, 1]
    patterns = [row["after"].get("pattern") for page in found for row in page]
    assert patterns == [*(f"cc.n{number}" for number in reversed(range(6))), None]


async def test_a_page_that_is_just_full_is_the_last(records: Registered) -> None:
    await write(records, 2)
    assert [len(page) for page in await pages(records, limit=3)] == [3]
    assert [len(page) for page in await pages(records, limit=4)] == [3]


async def test_what_is_written_meanwhile_moves_no_page(records: Registered) -> None:
    await write(records, 3)
    async with records.registry.reading() as views:
        first, cursor = await views.history(limit=2)
    await write(records, 2, "billing")
    async with records.registry.reading() as views:
        second, _ = await views.history(limit=2, cursor=cursor)
    assert [row["after"].get("pattern") for row in first + second] == ["cc.n2", "cc.n1", "cc.n0", None]


@pytest.mark.parametrize("limit", [1, 2, 3, 5])
async def test_calls_in_a_name_stand_once_on_the_pages(records: Registered, limit: int) -> None:
    await write(records, 1)
    calls = {
        ("shop", "li", HOUR - 5, SENT): 1,
        ("shop", "li", HOUR - 3, MAILED): 2,
        ("shop", "li", HOUR - 3, SENT): 3,
        ("shop", "wu", HOUR - 3, SENT): 4,
        ("billing", "li", HOUR - 3, SENT): 5,
        ("billing", "li", HOUR - 1, SENT): 6,
    }
    await write_use(records.database, {}, calls)
    found = await pages(records, limit=limit, user="*")
    assert all(len(page) <= limit for page in found)
    rows = [row for page in found for row in page]
    assert [row["after"].get("calls", row["action"]) for row in rows] == [6, 5, 2, 3, 4, "grant.add", "app.create", 1]


@pytest.mark.parametrize("cursor", ["", "7", "é", "====", "W10"])
async def test_a_cursor_that_no_page_has_told_is_refused(records: Registered, cursor: str) -> None:
    async with records.registry.reading() as views:
        with pytest.raises(NotAcceptable, match="cursor: no page has told this one"):
            await views.history(cursor=cursor)


@pytest.mark.parametrize(
    "position",
    [
        [-1, None],
        [2**63, None],
        [None, [1, "shop"]],
        [None, [2**31, "shop", "li", SENT]],
        [None, [1, "\0", "li", SENT]],
        {"written": "one"},
    ],
)
async def test_a_position_that_no_page_has_is_refused(records: Registered, position: Any) -> None:
    cursor = base64.urlsafe_b64encode(json.dumps(position).encode()).decode()
    async with records.registry.reading() as views:
        with pytest.raises(NotAcceptable):
            await views.history(cursor=cursor)

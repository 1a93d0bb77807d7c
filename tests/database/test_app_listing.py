"""Lists of apps: page by page, by state, and by a part of a code or of an owner's name."""

from typing import Any

import pytest

from esb.database import app_listing
from esb.database.registry_errors import NotAcceptable
from tests.support.registry import DAY, NOW, Registered


@pytest.fixture(autouse=True)
def _now(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(app_listing, "now", lambda: NOW)


@pytest.fixture
async def apps(records: Registered) -> Registered:
    async with records.writing() as write:
        await write.apps.create("billing", secrets=["a", "b"])
        await write.apps.create("Monitor", disabled=True)
        await write.apps.create("monitor_2", expires=NOW - DAY)
        await write.apps.create("shop", expires=NOW + DAY)
        await write.owners.add("billing", "zhang")
        await write.owners.add("shop", "Zhao")
        await write.owners.add("shop", "li")
        await write.grants.add("shop", "cc.*")
        await write.impersonations.add("shop", "ops-*")
    return records


async def codes(records: Registered, **wanted: Any) -> list[str]:
    async with records.registry.reading() as views:
        return [app["code"] for app in (await views.apps(**wanted)).apps]


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        ({}, ["Monitor", "billing", "monitor_2", "shop"]),
        ({"search": "moni"}, ["Monitor", "monitor_2"]),
        ({"search": "OR_"}, ["monitor_2"]),
        ({"search": "zha"}, ["billing", "shop"]),
        ({"search": "%"}, []),
        ({"search": ""}, ["Monitor", "billing", "monitor_2", "shop"]),
        ({"state": "disabled"}, ["Monitor"]),
        ({"state": "expired"}, ["monitor_2"]),
        ({"state": "active"}, ["billing", "shop"]),
        ({"state": "active", "search": "shop"}, ["shop"]),
        ({"unused": NOW + DAY}, ["Monitor", "billing", "monitor_2", "shop"]),
        ({"unused": NOW}, []),
    ],
)
async def test_apps_are_sifted(apps: Registered, wanted: dict[str, Any], found: list[str]) -> None:
    assert await codes(apps, **wanted) == found


async def test_each_page_of_apps_begins_behind_the_one_before(apps: Registered) -> None:
    async with apps.registry.reading() as views:
        first, cursor = await views.apps(limit=3)
        second, end = await views.apps(limit=3, cursor=cursor)
        alone, none = await views.apps(limit=4)
    assert [app["code"] for app in first] == ["Monitor", "billing", "monitor_2"]
    assert [app["code"] for app in second] == ["shop"]
    assert (cursor, end, none) == ("monitor_2", None, None)
    assert alone == first + second
    counted = [(app["code"], app["secrets"], app["grants"], app["impersonations"], app["owners"]) for app in alone]
    assert counted == [
        ("Monitor", 0, 0, 0, []),
        ("billing", 2, 0, 0, ["zhang"]),
        ("monitor_2", 0, 0, 0, []),
        ("shop", 0, 1, 1, ["Zhao", "li"]),
    ]


@pytest.mark.parametrize("wanted", [{"search": "\0"}, {"cursor": "\ud800"}])
async def test_what_no_database_takes_is_refused(apps: Registered, wanted: dict[str, Any]) -> None:
    with pytest.raises(NotAcceptable):
        await codes(apps, **wanted)

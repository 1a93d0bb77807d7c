"""Use as listings show it: last days, calls of late, apps that nobody uses, and calls in somebody's name."""

from typing import Any

import pytest

from esb.database import app_views
from esb.database.registry_errors import AppUnknown
from tests.support.registry import DAY, NOW, Registered
from tests.support.use import HOUR, TODAY, write_use

SENT, MAILED = "cmsi.send_weixin", "cmsi.send_mail"


@pytest.fixture(autouse=True)
def _now(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(app_views, "now", lambda: NOW)


async def make(records: Registered, code: str = "shop", secrets: int = 2) -> list[int]:
    """Make an app, and return the numbers of its secrets."""
    async with records.writing() as write:
        await write.apps.create(code, secrets=[f"{code}-secret-{number}" for number in range(secrets)])
    return [each["id"] for each in (await records.app(code))["secrets"]]


async def use(records: Registered, *rows: tuple[str, int, int, str, int]) -> None:
    """Write calls: app, day, secret, component and number."""
    await write_use(records.database, {row[:-1]: row[-1] for row in rows})


async def name(records: Registered, *rows: tuple[str, str, int, str, int]) -> None:
    """Write calls in somebody's name: app, user, hour, component and number."""
    await write_use(records.database, {}, {row[:-1]: row[-1] for row in rows})


async def shown(records: Registered, code: str = "shop") -> dict[str, Any]:
    async with records.registry.reading() as views:
        return await views.app_and_use(code)


async def listed(records: Registered, unused_since: int | None = None) -> dict[str, str | None]:
    """Return the last day of use of each app that is listed."""
    async with records.registry.reading() as views:
        return {app["code"]: app["last_used"] for app in (await views.apps(unused=unused_since)).apps}


async def test_an_app_shows_the_last_day_of_its_secrets_and_components(records: Registered) -> None:
    first, second = await make(records)
    await use(
        records,
        ("shop", TODAY - 40, first, SENT, 7),
        ("shop", TODAY - 30, first, SENT, 5),
        ("shop", TODAY - 29, first, SENT, 2),
        ("shop", TODAY - 1, first, SENT, 1),
        ("shop", TODAY, 0, MAILED, 3),
        ("billing", TODAY, first, SENT, 9),
    )
    app = await shown(records)
    assert [(each["id"], each["last_used"]) for each in app["secrets"]] == [(first, "2027-01-14"), (second, None)]
    assert app["last_used"] == "2027-01-15"
    assert app["use"] == [
        {"component": MAILED, "secret": None, "last_used": "2027-01-15", "calls_30d": 3},
        {"component": SENT, "secret": first, "last_used": "2027-01-14", "calls_30d": 3},
    ]


async def test_a_refused_call_is_use_of_its_secret_and_of_no_component(records: Registered) -> None:
    first, _ = await make(records)
    await use(records, ("shop", TODAY, first, "", 1))
    app = await shown(records)
    assert (app["secrets"][0]["last_used"], app["use"]) == ("2027-01-15", [])


async def test_an_app_that_was_never_used_has_no_day(records: Registered) -> None:
    await make(records)
    app = await shown(records)
    assert (app["last_used"], app["use"]) == (None, [])
    assert await listed(records) == {"shop": None}


async def test_a_secret_of_a_new_app_has_not_the_use_of_one_that_is_gone(records: Registered) -> None:
    first, second = await make(records)
    await use(records, ("shop", TODAY, first, SENT, 1), ("shop", TODAY, second, SENT, 1))
    async with records.writing() as write:
        await write.apps.delete("shop")
    await make(records)
    assert [each["last_used"] for each in (await shown(records))["secrets"]] == [None, None]


async def test_apps_that_were_not_used_since_are_those_that_were_there_then(records: Registered) -> None:
    for code in ("idle", "never", "busy"):
        await make(records, code)
    await use(records, ("idle", TODAY + 9, 0, SENT, 1), ("busy", TODAY + 10, 0, SENT, 1))
    everything = {"busy": "2027-01-25", "idle": "2027-01-24", "never": None}
    assert await listed(records) == everything
    assert await listed(records, NOW + 10 * DAY) == {"idle": "2027-01-24", "never": None}
    assert await listed(records, NOW) == {}


async def test_calls_are_listed_by_day(records: Registered) -> None:
    first, _ = await make(records)
    await use(
        records,
        ("shop", TODAY - 2, first, SENT, 7),
        ("shop", TODAY - 1, first, SENT, 5),
        ("shop", TODAY, first, SENT, 2),
        ("shop", TODAY, 0, "", 1),
    )
    async with records.registry.reading() as views:
        assert await views.daily_calls("shop", NOW - DAY) == [
            {"day": "2027-01-15", "component": None, "secret": None, "calls": 1},
            {"day": "2027-01-15", "component": SENT, "secret": first, "calls": 2},
            {"day": "2027-01-14", "component": SENT, "secret": first, "calls": 5},
        ]
        with pytest.raises(AppUnknown):
            await views.daily_calls("nobody", NOW)


# Calls in somebody's name


async def calls(records: Registered, **wanted: Any) -> list[tuple[Any, ...]]:
    """Return app, user and calls of the rows that tell of calls, newest first."""
    async with records.registry.reading() as views:
        rows = (await views.history(**wanted)).rows
    return [(row["app"], row["after"]["user"], row["after"]["calls"]) for row in rows if row["via"] == "call"]


async def test_calls_in_a_name_stand_beside_what_was_written(records: Registered) -> None:
    await make(records)
    await name(records, ("shop", "li", HOUR - 5, SENT, 7), ("shop", "li", HOUR - 3, SENT, 2))
    async with records.registry.reading() as views:
        rows = (await views.history(app="shop", user="li")).rows
    assert [(row["at"], row["action"]) for row in rows] == [
        ("2027-01-15T09:00:00Z", "impersonate"),
        ("2027-01-15T08:00:00Z", "app.create"),
        ("2027-01-15T07:00:00Z", "impersonate"),
    ]
    assert rows[0] == {
        "at": "2027-01-15T09:00:00Z",
        "actor": "app:shop",
        "via": "call",
        "action": "impersonate",
        "app": "shop",
        "before": None,
        "after": {"user": "li", "component": SENT, "calls": 2},
    }


async def test_calls_in_a_name_are_sifted(records: Registered) -> None:
    await make(records)
    await name(
        records,
        ("shop", "li", HOUR - 5, SENT, 1),
        ("shop", "wu", HOUR - 4, SENT, 2),
        ("shop", "Li", HOUR - 3, SENT, 3),
        ("billing", "li", HOUR - 2, SENT, 4),
    )
    assert await calls(records) == []
    assert await calls(records, user="li") == [("billing", "li", 4), ("shop", "li", 1)]
    assert await calls(records, user="li", app="shop") == [("shop", "li", 1)]
    assert await calls(records, user="*", app="shop") == [("shop", "Li", 3), ("shop", "wu", 2), ("shop", "li", 1)]
    assert await calls(records, user="*", since=(HOUR - 3) * 3_600_000 + 5) == [("billing", "li", 4), ("shop", "Li", 3)]
    assert await calls(records, user="*", limit=1) == [("billing", "li", 4)]
    assert len(await calls(records, user="*", action="impersonate")) == 4
    assert len(await calls(records, action="impersonate")) == 4
    assert await calls(records, action="impersonate", app="billing") == [("billing", "li", 4)]
    assert await calls(records, user="*", action="app.create") == []
    assert await calls(records, user="*", actor="cli:root") == []

"""The commands that tell of use: last days, calls by day, apps that nobody uses, and calls in somebody's name."""

import asyncio
import time

import pytest

from tests.support.databases import open_database
from tests.support.registry_commands import Commands
from tests.support.use import write_use

TODAY = int(time.time() // 86_400)
HOUR = int(time.time() // 3600)


@pytest.fixture
def used(esb: Commands) -> Commands:
    """The commands over an app that has called, and one that has not; both were made long ago."""
    for code in ("monitor", "idle"):
        esb("app", "create", code)

    async def write() -> None:
        async with open_database(f"sqlite:///{esb.file.parent}/data.db") as database:
            async with database.writing() as connection:
                await connection.exec_driver_sql("UPDATE app SET created = 0")
            days = {("monitor", TODAY - 100, 1, "cc.hosts"): 2, ("monitor", TODAY, 1, "cc.hosts"): 3}
            await write_use(database, days, {("monitor", "li", HOUR, "cc.hosts"): 3})

    asyncio.run(write())
    return esb


def test_an_app_shows_when_it_was_last_used(used: Commands) -> None:
    app = used.json("app", "show", "monitor")
    day = app["last_used"]
    assert app["secrets"][0]["last_used"] == day
    assert app["use"] == [{"component": "cc.hosts", "secret": 1, "last_used": day, "calls_30d": 3}]
    assert f"last_used: '{day}'" in used("app", "show", "monitor").stdout.replace('"', "'")


@pytest.mark.parametrize(
    ("unused", "codes"),
    [((), ["idle", "monitor"]), (("--unused", "90d"), ["idle"]), (("--unused", "1970-01-01T00:00:00Z"), [])],
)
def test_apps_that_nobody_uses_are_listed(used: Commands, unused: tuple[str, ...], codes: list[str]) -> None:
    assert [app["code"] for app in used.json("app", "list", *unused)] == codes


def test_a_span_that_is_none_is_refused(used: Commands) -> None:
    assert "so long" in used("app", "list", "--unused", "long", code=2).stderr


def test_calls_are_listed_by_day(used: Commands) -> None:
    head, *rows = used("app", "use", "monitor").stdout.splitlines()
    assert head.split() == ["DAY", "COMPONENT", "SECRET", "CALLS"]
    assert [row.split()[1:] for row in rows] == [["cc.hosts", "1", "3"]]
    assert [row["calls"] for row in used.json("app", "use", "monitor", "--since", "200d")] == [3, 2]


def test_calls_in_the_name_of_a_user_are_in_the_history(used: Commands) -> None:
    rows = used.json("history", "--app", "monitor", "--user", "li")
    (called,) = [row for row in rows if row["action"] != "app.create"]
    assert called["after"] == {"user": "li", "component": "cc.hosts", "calls": 3}
    assert '{"user": "li"' in used("history", "--user", "*").stdout
    assert "impersonate" not in used("history", "--app", "monitor", "--user", "wu").stdout

"""Apps in a SQLite database, asked by a real gateway."""

import asyncio
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from esb.testing import AssertNoSecrets, CallComponent, OpenService

pytestmark = pytest.mark.asyncio
USE, SECRET, OTHER = "sqlite_apps:SqliteApps", "the-secret-of-orders", "another-secret"


@pytest.fixture
def database(tmp_path: Path) -> str:
    """A database with the app `orders`."""
    path = tmp_path / "apps.db"
    with closing(sqlite3.connect(path)) as database, database:
        database.execute("CREATE TABLE apps (code TEXT PRIMARY KEY, secret TEXT, impersonate TEXT, settings TEXT)")
        database.execute("INSERT INTO apps VALUES ('orders', ?, '[\"*\"]', ?)", (SECRET, "{}"))
    return str(path)


async def test_an_app_of_the_database_may_call(
    service: OpenService, call: CallComponent, assert_no_secrets: AssertNoSecrets, database: str
) -> None:
    await service("apps", USE, {"path": database}, caller=("orders", SECRET))

    assert (await call())["data"]["app"] == "orders"
    assert_no_secrets(SECRET)


@pytest.mark.parametrize("caller", [("orders", OTHER), ("nobody", SECRET)])
async def test_nobody_else_may(
    service: OpenService, call: CallComponent, database: str, caller: tuple[str, str]
) -> None:
    await service("apps", USE, {"path": database}, caller=caller)

    answer = await call()

    assert (answer["result"], answer["data"]) == (False, None)
    assert answer["message"] in {"the secret of app orders is wrong", "there is no app nobody"}


async def test_a_directory_that_cannot_be_read_refuses_everybody(
    service: OpenService, call: CallComponent, database: str
) -> None:
    await service("apps", USE, {"path": database}, caller=("orders", SECRET))
    await asyncio.to_thread(Path(database).unlink)

    answer = await call()

    assert (answer["result"], answer["code"]) == (False, 1306201)
    assert "the database cannot be read" in answer["message"]

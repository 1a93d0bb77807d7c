"""Use of apps: calls through a gateway come to stand in its database; without one, nobody counts them."""

from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest
from aiohttp.test_utils import TestClient, TestServer

from esb.config import load
from esb.core.events import Listener, Observer
from esb.gateway.app import create_app
from tests.support.configuration import DEMO, SERVICES
from tests.support.databases import open_database, stanza
from tests.support.use import day_rows, hour_rows

PATHS = "components:\n" + "".join(
    f'  - {{path: /test/{name}/, use: "tests.support.components:Echo"}}\n' for name in ("echo", "other")
)


def written(folder: Path, services: str = "") -> Path:
    path = folder / "esb.yaml"
    path.write_text(SERVICES + services + PATHS)
    return path


def client(folder: Path, services: str = "") -> TestClient[Any, Any]:
    """A client of a gateway that runs while the client is open."""
    return TestClient(TestServer(create_app(load(written(folder, services), {}))))


async def call(gateway: TestClient[Any, Any], name: str = "echo", **changes: Any) -> int | str:
    answer = await gateway.post(f"/api/c/compapi/test/{name}/", json={**DEMO, **changes})
    code: int | str = (await answer.json())["code"]
    return code


async def test_calls_are_in_the_database_once_the_gateway_has_stopped(
    opened: AsyncExitStack, database_url: str, tmp_path: Path
) -> None:
    database = await opened.enter_async_context(open_database(database_url))
    for _ in range(2):  # the second gateway adds to what the first one has written
        async with client(tmp_path, stanza(database_url)) as gateway:
            assert await call(gateway) == 0
            assert await call(gateway, bk_username="", bk_token="demo-token") == 0
            assert await call(gateway, "other", bk_username="zhangsan") == 0
            assert await call(gateway, bk_app_code="no_rights", bk_app_secret="no-rights-secret") == 1306403
            assert await call(gateway, bk_app_secret="wrong") != 0
    assert [(app, *rest) for app, _, *rest in await day_rows(database)] == [
        ("esb_demo", 0, "test.echo", 4),
        ("esb_demo", 0, "test.other", 2),
        ("no_rights", 0, "", 2),
    ]
    assert [(app, user, *rest) for app, user, _, *rest in await hour_rows(database)] == [
        ("esb_demo", "admin", "test.echo", 2),
        ("esb_demo", "zhangsan", "test.other", 2),
    ]


async def test_without_a_database_nobody_counts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    heard: list[list[Listener]] = []

    def observer(listeners: list[Listener], *_: Any) -> Observer:
        heard.append(listeners)
        return Observer()

    monkeypatch.setattr("esb.gateway.app.Observer", observer)
    create_app(load(written(tmp_path), {}), listeners=[print])
    assert heard == [[print]]

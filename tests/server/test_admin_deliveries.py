"""Deliveries over the admin listener: those of all apps, read, cancelled and sent again with a token."""

from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest
from aiohttp import ClientSession
from sqlalchemy import insert

from esb.config import ConfigSource
from esb.core.delivery_states import DeliveryState, ReceiverState
from esb.database import holds
from esb.database.callback_events import events_for
from esb.database.deliveries import CONTENT
from esb.database.engine import Database
from esb.server.deployment import deployed
from tests.support.databases import stanza
from tests.support.delivery_rows import NOW, add_delivery
from tests.support.ports import free_port
from tests.support.processes.deployment import BEARER, TOKENS

CONFIG = """\
version: 1
server: {{admin: {{port: {port}{keys}}}}}
services:
  apps: {{use: static, config: {{apps: []}}}}
{database}components:
  - {{path: /cmsi/send_weixin/, use: "tests.support.components:Echo"}}
"""


Ask = Callable[..., Awaitable[Any]]


@pytest.fixture
async def ask(
    opened: AsyncExitStack, http: ClientSession, database: Database, database_url: str, tmp_path: Path
) -> Ask:
    """Ask an admin listener about deliveries, and require this status."""
    file, port = tmp_path / "esb.yaml", free_port()
    file.write_text(CONFIG.format(port=port, keys=TOKENS, database=stanza(database_url)))
    await opened.enter_async_context(deployed(ConfigSource(file, {}), None, 0, []))

    async def ask_it(
        method: str, path: str = "", status: int = 200, headers: dict[str, str] = BEARER, **options: Any
    ) -> Any:
        url = f"http://127.0.0.1:{port}/-/deliveries{path}"
        async with http.request(method, url, headers=headers, **options) as response:
            assert response.status == status, await response.text()
            return await response.json()

    return ask_it


async def test_deliveries_are_read_and_changed(ask: Ask, database: Database) -> None:
    dead = await add_delivery(database, [("lisi", ReceiverState.FAILED)], state=DeliveryState.DEAD, failure="busy")
    waiting = await add_delivery(database, [("a", ReceiverState.QUEUED)], state=DeliveryState.QUEUED)
    async with database.writing() as connection:
        await connection.execute(insert(CONTENT).values(delivery=dead, sealed=b"sealed", purge=0))
    found = await ask("GET", params={"receiver": "lisi", "class": "busy", "state": "dead", "limit": 1})
    assert ([each["id"] for each in found["deliveries"]], found["cursor"]) == ([dead], None)
    assert (await ask("GET", f"/{dead}"))["failed"][0]["receiver"] == "lisi"
    for wrong in ({"state": "lost"}, {"cursor": "x"}, {"unknown": "1"}):
        assert "error" in await ask("GET", "", 422, params=wrong)
    await ask("POST", f"/{waiting}/cancel", 401, headers={})
    assert (await ask("POST", f"/{waiting}/cancel"))["delivery"]["state"] == "cancelled"
    assert (await ask("POST", f"/{dead}/redrive", json={"receivers": "failed"}))["delivery"]["state"] == "queued"
    assert "dead" in (await ask("POST", f"/{dead}/redrive", 409))["error"]
    for method, path in (("GET", ""), ("POST", "/cancel"), ("POST", "/redrive")):
        assert "error" in await ask(method, f"/{'0' * 32}{path}", 404)


async def test_many_are_cancelled_once_it_is_known_how_many(ask: Ask, database: Database) -> None:
    for app in ("monitor", "monitor", "shop"):
        await add_delivery(database, [("a", ReceiverState.QUEUED)], state=DeliveryState.QUEUED, app=app)
    assert await ask("POST", "/cancel", json={"app": "monitor", "dry_run": True}) == {"waiting": 2}
    assert await ask("POST", "/cancel", json={"app": "monitor"}) == {"cancelled": 2}
    assert len((await ask("GET", params={"state": "queued"}))["deliveries"]) == 1
    for wrong in ({}, {"state": "dead"}, {"dry_run": True}):
        assert "error" in await ask("POST", "/cancel", 422, json=wrong)


async def test_a_receiver_is_forgotten(ask: Ask, database: Database) -> None:
    identity = await add_delivery(database, [("lisi", ReceiverState.ACCEPTED)])
    assert await ask("POST", "/forget", json={"receiver": "lisi"}) == {"forgotten": 1, "waiting": 0}
    assert (await ask("GET", f"/{identity}"))["receivers"][0]["receiver"] == ""
    assert "error" in await ask("POST", "/forget", 422, json={"receiver": ""})


async def test_a_component_is_held_and_released_in_the_name_of_a_token(ask: Ask, database: Database) -> None:
    component = {"component": "cmsi.send_weixin"}
    assert await ask("POST", "/hold", json=component) == {"is_new": True}
    assert await ask("POST", "/hold", json={**component, "reason": "a storm"}) == {"is_new": False}
    async with database.reading() as connection:
        (held,) = await holds.oldest_holds(connection, 2)
    assert (held.credential, held.actor, held.reason) == ("cmsi.send_weixin", "admin:ops", "a storm")
    assert await ask("POST", "/release", json=component) == {"was_held": True}
    assert await ask("POST", "/release", json=component) == {"was_held": False}
    unknown = await ask("POST", "/hold", 422, json={"component": "cmsi.send_wexin"})
    assert unknown["error"].endswith("(did you mean 'cmsi.send_weixin'?)")
    await ask("POST", "/hold", 401, headers={}, json=component)


async def test_what_is_held_is_told_with_who_holds_it_and_why(ask: Ask, database: Database) -> None:
    assert await ask("GET", "/holds") == {"holds": []}
    await ask("POST", "/hold", json={"component": "cmsi.send_weixin", "reason": "a storm"})
    async with database.writing() as connection:
        await holds.hold(connection, "cmsi.send_mail/0123", NOW, "config: 535", probe=NOW)
    by_gateway, by_operator = sorted((await ask("GET", "/holds"))["holds"], key=lambda held: str(held["component"]))
    assert by_gateway == {
        "component": "cmsi.send_mail",
        "credential": "cmsi.send_mail/0123",
        "since": "2027-01-15T08:00:00Z",
        "by": None,
        "reason": "config: 535",
    }
    assert (by_operator["component"], by_operator["by"]) == ("cmsi.send_weixin", "admin:ops")
    assert "error" in await ask("GET", "/holds", 422, params={"unknown": "1"})


async def test_each_state_has_a_number_and_a_first_one(ask: Ask, database: Database) -> None:
    for due in (NOW, NOW - 60_000):
        await add_delivery(database, [("a", ReceiverState.QUEUED)], state=DeliveryState.QUEUED, due=due)
    found = await ask("GET", "/states")
    assert found["states"]["queued"] == {"number": 2, "first": "2027-01-15T07:59:00Z"}
    assert found["states"]["dead"] == {"number": 0, "first": None}
    assert [*found["states"]] == ["queued", "sending", "done", "dead", "cancelled", "held"]


async def test_a_delivery_tells_whether_its_callback_was_told(ask: Ask, database: Database) -> None:
    identity = await add_delivery(database)
    async with database.writing() as connection:
        await events_for(connection, database.keys, [identity], NOW)
    event = {"type": "delivery.done", "callback": "done", "state": "queued", "attempts": 0}
    moments = {"due": "2027-01-15T08:00:00Z", "created": "2027-01-15T08:00:00Z"}
    assert (await ask("GET", f"/{identity}"))["callbacks"] == [event | moments]

"""Deliveries over the admin listener: those of all apps, read, cancelled and sent again with a token."""

from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

from aiohttp import ClientSession
from sqlalchemy import insert

from esb.config import ConfigSource
from esb.core.delivery_states import DeliveryState, ReceiverState
from esb.database.deliveries import CONTENT
from esb.server.deployment import deployed
from tests.support.databases import open_database, stanza
from tests.support.delivery_rows import add_delivery
from tests.support.ports import free_port
from tests.support.processes.deployment import BEARER, TOKENS

CONFIG = """\
version: 1
server: {{admin: {{port: {port}{keys}}}}}
services:
  apps: {{use: static, config: {{apps: []}}}}
{database}components: []
"""


async def test_deliveries_are_read_and_changed(
    opened: AsyncExitStack, http: ClientSession, database_url: str, tmp_path: Path
) -> None:
    database = await opened.enter_async_context(open_database(database_url))
    file, port = tmp_path / "esb.yaml", free_port()
    file.write_text(CONFIG.format(port=port, keys=TOKENS, database=stanza(database_url)))
    await opened.enter_async_context(deployed(ConfigSource(file, {}), None, 0, []))

    async def ask(
        method: str, path: str = "", status: int = 200, headers: dict[str, str] = BEARER, **options: Any
    ) -> Any:
        url = f"http://127.0.0.1:{port}/-/deliveries{path}"
        async with http.request(method, url, headers=headers, **options) as response:
            assert response.status == status, await response.text()
            return await response.json()

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

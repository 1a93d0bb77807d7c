"""Recalls by operators: the messages of a delivery are taken back on the admin listener and on the delivery's page."""

from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import update

from esb.channels.wechat.wecom import WeComChannel
from esb.core.call import Call
from esb.database.deliveries import DELIVERY_MESSAGE
from esb.gateway.app import Gateway
from esb.server.recalls import BAD_GATEWAY, CONFLICT, FAILED, NOT_FOUND
from tests.support.configuration import WECOM
from tests.support.delivery_rows import add_delivery
from tests.support.portal import Portal, open_portal
from tests.support.processes.deployment import BEARER


@pytest.fixture
async def portal(tmp_path: Path, opened: AsyncExitStack) -> Portal:
    """A portal whose gateway records what it sends at once."""
    portal = await opened.enter_async_context(open_portal(tmp_path, WECOM, more="ledger: {sync: on}\n"))
    await portal.log_in()
    return portal


async def sent(portal: Portal, receiver: str = "zhangsan") -> str:
    """Return the id of a delivery that was sent."""
    assert (await portal.send(receiver=receiver))["result"]
    gateway: Gateway = portal.deployment.gateway
    recorder = gateway.deliveries.recorder
    assert recorder is not None
    await recorder.write()
    identity: str = (await portal.json("/deliveries"))["deliveries"][0]["id"]
    return identity


async def sandbox(portal: Portal, method: str, path: str, **more: Any) -> Any:
    assert portal.deployment.sandbox is not None
    url = f"{portal.deployment.sandbox.url}/_sandbox/{path}"
    async with portal.browser.request(method, url, json=more or None) as response:
        return await response.json()


async def history(portal: Portal) -> list[tuple[str, str, str, Any]]:
    """Return who has taken back what, of which app."""
    rows = (await portal.json("/history?action=delivery.recall"))["history"]
    return [(each["actor"], each["action"], each["app"], each["after"]) for each in rows]


async def asked(portal: Portal, identity: str, **headers: str) -> tuple[int, Any]:
    """Return status and answer of the admin listener."""
    port = (await portal.administer("GET", "/-/config", {}))["server"]["admin"]["port"]
    url = f"http://127.0.0.1:{port}/-/deliveries/{identity}/recall"
    async with portal.browser.post(url, headers=headers) as response:
        return response.status, await response.json()


async def test_the_admin_listener_takes_messages_back_once(portal: Portal) -> None:
    identity = await sent(portal)
    assert (await asked(portal, identity))[0] == 401
    status, answer = await asked(portal, identity, **BEARER)
    assert (status, answer["recalled"]) == (200, 1)
    assert [each["state"] for each in answer["receivers"]] == ["recalled"]
    (message,) = (await sandbox(portal, "GET", "messages"))["messages"]
    assert message["recalled"]
    told = {"delivery": identity, "messages": 1}
    assert await history(portal) == [("admin:ops", "delivery.recall", "esb_demo", told)]
    assert await asked(portal, identity, **BEARER) == (
        CONFLICT,
        {"error": "The messages of the delivery cannot be taken back"},
    )
    assert (await asked(portal, "0" * 32, **BEARER))[0] == NOT_FOUND
    assert len(await history(portal)) == 1


async def test_what_the_platform_refuses_stays_and_is_told_in_its_words(portal: Portal) -> None:
    identity, recalls = await sent(portal), {"path": "/cgi-bin/message/recall"}
    await sandbox(portal, "POST", "faults", match=recalls, action={"errcode": 40003, "errmsg": "no"}, times=2)
    status, answer = await asked(portal, identity, **BEARER)
    assert (status, answer) == (CONFLICT, {"error": "no"})
    await portal.get("/?lang=zh-hans")
    response = await portal.post(f"/deliveries/{identity}/recall")
    assert response.status == 409
    assert '<p class="note bad" role="alert">no</p>' in await response.text()
    await sandbox(portal, "POST", "faults", match=recalls, action={"reset": "head"}, times=9)
    assert (await asked(portal, identity, **BEARER))[0] == BAD_GATEWAY
    assert await history(portal) == []


async def test_a_bug_of_a_component_is_told_without_its_words(portal: Portal, monkeypatch: pytest.MonkeyPatch) -> None:
    async def recall(self: WeComChannel, call: Call, msgid: str) -> None:
        raise LookupError("a word of its own")

    identity = await sent(portal)
    monkeypatch.setattr(WeComChannel, "recall", recall)
    status, answer = await asked(portal, identity, **BEARER)
    assert (status, "word" in answer["error"], bool(answer["error"])) == (FAILED, False, True)
    monkeypatch.undo()
    assert (await asked(portal, identity, **BEARER))[0] == 200


async def test_the_page_of_a_delivery_takes_its_messages_back(portal: Portal) -> None:
    identity = await sent(portal)
    action = f'action="/deliveries/{identity}/recall"'
    assert action in await portal.get(f"/deliveries/{identity}")
    page = await (await portal.post(f"/deliveries/{identity}/recall")).text()
    assert "Its messages are taken back." in page
    assert action not in page
    assert [each[0] for each in await history(portal)] == ["portal:ops"]
    assert "delivery.recall" in await portal.get("/history")
    again = await portal.post(f"/deliveries/{identity}/recall")
    assert again.status == 409
    assert "cannot be taken back" in await again.text()


async def test_after_a_day_no_button_is_shown_and_nothing_is_asked(portal: Portal) -> None:
    async with portal.database() as rows:
        late = await add_delivery(rows, msgids=["42"], due=1_700_000_000_000)
        async with rows.writing() as connection:
            await connection.execute(update(DELIVERY_MESSAGE).values(sent=1_700_000_000_000))
    assert "/recall" not in await portal.get(f"/deliveries/{late}")
    assert (await portal.post(f"/deliveries/{late}/recall")).status == 409

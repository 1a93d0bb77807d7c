"""The console: a form from the parameters, dry runs, sending for real, and what a page tells of it."""

import json
from typing import Any

from aiohttp import ClientResponse

from tests.support.configuration import DEMO
from tests.support.portal import JSON, Portal, csrf_of

TRY = "/c/cmsi/send_weixin/try"
FORM = {**DEMO, "p.receiver": "zhangsan", "p.data": json.dumps({"heading": "H", "message": "M", "date": "D"})}


async def posted(portal: Portal, form: dict[str, str], path: str = TRY, **headers: str) -> ClientResponse:
    """Return the answer to a form."""
    token = csrf_of(await portal.get(path))
    response = await portal.browser.post(portal.url + path, data={"csrf": token, **form}, headers=headers)
    await response.read()
    return response


async def result(portal: Portal, form: dict[str, str], path: str = TRY) -> Any:
    """Return the answer to a form as JSON."""
    return await (await posted(portal, form, path, **JSON)).json()


async def arrived(portal: Portal) -> list[Any]:
    assert portal.deployment.sandbox is not None
    async with portal.browser.get(f"{portal.deployment.sandbox.url}/_sandbox/messages") as response:
        return list((await response.json())["messages"])


async def test_a_dry_run_shows_what_would_be_sent_and_sends_nothing(portal: Portal) -> None:
    told = await result(portal, FORM)
    assert told["ok"]
    assert told["dry_run"]
    assert told["receivers"] == [{"receiver": "zhangsan", "fate": "would be sent", "meaning": ""}]
    assert await arrived(portal) == []


async def test_a_real_send_asks_once_more(portal: Portal) -> None:
    response = await posted(portal, {**FORM, "action": "ask"})
    page = await response.text()
    assert response.status == 200, page
    assert "Send for real?" in page
    assert await arrived(portal) == []


async def test_what_is_sent_for_real_is_shown_as_it_arrived(portal: Portal) -> None:
    told = await result(portal, {**FORM, "action": "send"})
    assert told["ok"]
    assert not told["dry_run"]
    assert [each["fate"] for each in told["receivers"]] == ["accepted"]
    assert [each["text"] for each in told["arrived"]] == ["H\nM\nDate: D"]
    assert portal.deployment.sandbox is not None
    assert told["inbox"] == f"{portal.deployment.sandbox.url}/_sandbox/inbox"

"""Messages that are asked for: chosen by what they are, and waited for, without asking again and again."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from esb.sandbox import changes
from esb.sandbox.changes import Changes
from esb.sandbox.inbox import Message
from esb.sandbox.message_filter import MessageFilter
from tests.support.loop_time import late, turns
from tests.support.sandbox_messages import send_sms
from tests.support.wechat_client import ROBOT, WeChat

Waiting = Callable[[str], Awaitable["asyncio.Task[list[str]]"]]


async def texts(wechat: WeChat, query: str) -> list[str]:
    found = (await wechat.control("GET", f"messages?{query}"))["messages"]
    return [message["text"] for message in found]


@pytest.fixture
def watched(monkeypatch: pytest.MonkeyPatch) -> asyncio.Semaphore:
    """Released by each call that begins to wait, and each time that it goes on waiting."""
    semaphore, waits = asyncio.Semaphore(0), Changes.later

    async def told(self: Changes, than: int, seconds: float) -> None:
        semaphore.release()
        await waits(self, than, seconds)

    monkeypatch.setattr(Changes, "later", told)
    return semaphore


@pytest.fixture
async def waiting(wechat: WeChat, watched: asyncio.Semaphore) -> Waiting:
    """Make a call that the sandbox has taken, and that waits there."""

    async def call(query: str) -> "asyncio.Task[list[str]]":
        task = asyncio.ensure_future(texts(wechat, query))
        await watched.acquire()
        return task

    return call


async def test_a_message_that_is_there_is_not_waited_for(wechat: WeChat) -> None:
    await wechat.robot("one")
    assert await texts(wechat, "wait=60") == ["one"]


async def test_messages_are_found_by_the_ids_that_their_platforms_gave(wechat: WeChat) -> None:
    qy, mp = await wechat.wecom_token(), await wechat.plain_token()
    first = (await wechat.send(qy, text={"content": "one"}))["msgid"]
    second = (await wechat.template(mp, data={"first": {"value": "two"}}))["msgid"]
    sms = await send_sms(wechat, "three", ["+8613800000000", "+8613800000001"])
    third = sms["Response"]["SendStatusSet"][1]["SerialNo"]

    assert await texts(wechat, f"msgid={first}") == ["one"]
    assert await texts(wechat, f"msgid={second},nothing,{third}") == ["two", "【sandbox】three"]
    assert await texts(wechat, "msgid=nothing") == []
    assert len(await texts(wechat, "msgid=")) == 3


@pytest.mark.parametrize(
    ("msgid", "fits"),
    [("<1@example.com>", True), ("<2@example.com>", False), ("1@example.com", False), ("queued", False)],
)
def test_a_mail_is_found_by_the_message_id_in_its_head(msgid: str, fits: bool) -> None:
    raw = b"Subject: a\r\nmessage-id:\r\n <1@example.com>\r\n\r\nMessage-ID: <2@example.com>\r\n"
    mail = Message(1, 0, "mail", "a@example.com", "smtp/DATA", raw, "a", [], reply={"code": 250, "text": "queued as 2"})
    assert MessageFilter(msgids=frozenset({msgid})).fits(mail) is fits


async def test_whoever_waits_is_answered_by_the_first_message_that_fits(wechat: WeChat, waiting: Waiting) -> None:
    await wechat.robot("code 12")
    call = await waiting("wait=60&since=1&platform=robot&text=code")

    await wechat.send(await wechat.wecom_token(), text={"content": "code 13"})
    await wechat.robot("something else")
    await turns(20)
    assert not call.done()

    await wechat.robot("code 14")
    assert await call == ["code 14"]


async def test_nobody_waits_longer_than_asked_for(wechat: WeChat, watched: asyncio.Semaphore) -> None:
    assert await late(5.1, texts(wechat, "wait=5"), watched.acquire()) == []


async def test_a_wait_goes_on_in_a_new_world(wechat: WeChat, waiting: Waiting) -> None:
    for _ in range(3):
        await wechat.robot("old")
    call = await waiting("wait=60&text=new")

    await wechat.control("POST", "reset")
    await wechat.robot("new")
    assert await call == ["new"]


async def test_those_who_wait_are_let_go_when_the_sandbox_stops(wechat: WeChat, waiting: Waiting) -> None:
    call = await waiting("wait=60")
    await wechat.http.app.shutdown()
    assert await call == []
    assert await texts(wechat, "wait=60") == []


async def test_no_more_than_so_many_wait_at_once(
    wechat: WeChat, waiting: Waiting, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(changes, "WATCHERS", 1)
    call = await waiting("wait=60")

    refused = await wechat.raw("GET", "/_sandbox/messages?wait=60")
    assert (refused.status, await refused.json()) == (503, {"error": "too many calls wait already"})
    await wechat.robot()
    assert await call == ["你好"]
    assert await texts(wechat, "wait=60") == ["你好"]


@pytest.mark.parametrize("query", ["wait=-1", "wait=61", "wait=nan", "wait=soon", "wait=", "wait=inf", "since=²"])
async def test_a_wait_that_makes_no_sense_is_a_mistake(wechat: WeChat, query: str) -> None:
    response = await wechat.raw("GET", f"/_sandbox/messages?{query}")
    assert response.status == 400
    assert (await response.json())["error"].startswith(query.partition("=")[0])


@pytest.mark.parametrize(
    "headers",
    [
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://[oops"},
        {"Sec-Fetch-Site": "cross-site", "Content-Type": "text/plain"},
    ],
)
async def test_a_page_of_another_site_changes_nothing(wechat: WeChat, headers: dict[str, str]) -> None:
    await wechat.robot("kept")
    writes: list[tuple[str, str, Any]] = [("POST", "reset", None), ("DELETE", "messages", None), ("PATCH", "knobs", {})]
    for method, name, body in writes:
        response = await wechat.raw(method, f"/_sandbox/{name}", body, headers=headers)
        assert response.status == 403, (method, name)
    assert [message["text"] for message in await wechat.messages()] == ["kept"]
    assert (await wechat.raw("GET", "/_sandbox/messages", headers=headers)).status == 200


async def test_a_page_of_its_own_and_a_client_without_a_page_may_change_things(wechat: WeChat) -> None:
    own = f"http://{wechat.http.host}:{wechat.http.port}"
    for headers in ({"Sec-Fetch-Site": "same-origin"}, {"Sec-Fetch-Site": "none"}, {"Origin": own}, {}):
        response = await wechat.raw("DELETE", "/_sandbox/messages", headers=headers)
        assert response.status == 200, headers
    assert (await wechat.robot(key=ROBOT))["errcode"] == 0

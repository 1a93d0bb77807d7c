"""Live pages: what is told to a browser that listens, and when it starts anew."""

import asyncio
import re
from collections.abc import Awaitable, Callable

import pytest
from aiohttp import ClientResponse

from esb.sandbox import changes, inbox
from esb.sandbox.pages.events import ALIVE_S
from tests.support.loop_time import movable_loop_time, turns
from tests.support.wechat_client import WeChat

EVENTS = "/_sandbox/inbox/events"


class Listener:
    """A browser that listens."""

    def __init__(self, response: ClientResponse) -> None:
        self.response = response
        self.last = ""

    async def next(self, wanted: str = "") -> tuple[str, str]:
        """Return name and data of the next event, or of the next one of this name."""
        while True:
            lines = []
            while line := (await self.response.content.readline()).decode().rstrip("\n"):
                lines.append(line)
            if not lines:
                assert not self.response.content.at_eof(), "the sandbox has ended the stream"
                continue
            fields = [line.partition(": ")[::2] for line in lines]
            if "retry" in dict(fields):
                continue
            name = next((value for key, value in fields if key == "event"), "comment")
            self.last = next((value for key, value in fields if key == "id"), self.last)
            if wanted in ("", name):
                return name, "\n".join(value for key, value in fields if key == "data")


Listen = Callable[..., Awaitable[Listener]]


@pytest.fixture
def listen(wechat: WeChat) -> Listen:
    """Open a page, and listen from then on; `last` is what a browser says that has heard something before."""

    async def open_one(query: str = "", last: str = "") -> Listener:
        page = await (await wechat.raw("GET", f"/_sandbox/inbox?{query}", headers={"Accept": "text/html"})).text()
        address = re.search(r'data-events="([^"]+)"', page)
        assert address is not None
        headers = {"Last-Event-ID": last} if last else {}
        response = await wechat.raw("GET", address[1].replace("&amp;", "&"), headers=headers)
        assert response.status == 200
        return Listener(response)

    return open_one


async def test_a_message_is_told_as_soon_as_it_has_come(wechat: WeChat, listen: Listen) -> None:
    listener = await listen()
    assert await listener.next() == ("total", "0")
    assert (await listener.next())[0] == "faults"
    await wechat.robot("one\ntwo <b>")

    name, html = await listener.next()
    assert name == "message"
    assert 'id="message-1"' in html
    assert "one\ntwo &lt;b&gt;" in html
    assert await listener.next() == ("total", "1")


async def test_the_stream_passes_proxies_unkept(wechat: WeChat, listen: Listen) -> None:
    headers = (await listen()).response.headers
    assert headers["Content-Type"] == "text/event-stream"
    assert (headers["X-Accel-Buffering"], headers["Cache-Control"]) == ("no", "no-store")


async def test_nothing_is_lost_between_a_page_and_its_stream_nor_between_two_streams(
    wechat: WeChat, listen: Listen
) -> None:
    await wechat.robot("before the page")
    listener = await listen()
    await wechat.robot("first")
    assert "first" in (await listener.next("message"))[1]
    listener.response.close()
    await wechat.robot("while nobody listened")

    again = await listen(last=listener.last)
    assert "while nobody listened" in (await again.next("message"))[1]


async def test_only_messages_that_the_page_shows_are_told(wechat: WeChat, listen: Listen) -> None:
    listener = await listen("touser=lisi&text=yes")
    token = await wechat.wecom_token()
    await wechat.send(token, touser="zhangsan", text={"content": "yes"})
    await wechat.send(token, touser="lisi", text={"content": "no"})
    await wechat.send(token, touser="lisi", text={"content": "yes"})
    assert 'id="message-3"' in (await listener.next("message"))[1]


async def test_a_message_that_changes_is_told_again(wechat: WeChat, listen: Listen) -> None:
    token = await wechat.wecom_token()
    msgid = (await wechat.send(token))["msgid"]
    listener = await listen()
    await wechat.call("POST", "/cgi-bin/message/recall", {"msgid": msgid}, params={"access_token": token})
    html = (await listener.next("message"))[1]
    assert 'id="message-1"' in html
    assert "Recalled" in html


async def test_faults_are_told_when_they_are_set_when_they_strike_and_when_they_are_gone(
    wechat: WeChat, listen: Listen
) -> None:
    listener = await listen("lang=zh-hans")
    assert "没有故障" in (await listener.next("faults"))[1]
    await wechat.fault("/cgi-bin/webhook/send", {"errcode": -1})
    assert "已发生 0 次，共 1 次" in (await listener.next("faults"))[1]
    await wechat.robot()
    assert "已发生 1 次，共 1 次" in (await listener.next("faults"))[1]
    await wechat.control("DELETE", "faults")
    assert "没有故障" in (await listener.next("faults"))[1]


@pytest.mark.parametrize(("method", "name"), [("DELETE", "messages"), ("POST", "reset")])
async def test_a_page_starts_anew_when_its_messages_are_gone(
    wechat: WeChat, listen: Listen, method: str, name: str
) -> None:
    await wechat.robot()
    listener = await listen()
    await listener.next("faults")
    await wechat.control(method, name)
    assert await listener.next() == ("reload", "")
    await wechat.robot("after it")
    assert "after it" in (await listener.next("message"))[1]


@pytest.mark.parametrize("last", ["nonsense", "0-0", "another-17", "-", "1" * 5000])
async def test_a_page_that_has_heard_something_else_starts_anew(listen: Listen, last: str) -> None:
    assert await (await listen(last=last)).next() == ("reload", "")


async def test_a_page_that_missed_too_much_starts_anew(
    wechat: WeChat, listen: Listen, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(inbox, "CHANGES", 3)
    await wechat.control("POST", "reset")
    listener = await listen()
    await listener.next("faults")
    listener.response.close()
    for _ in range(4):
        await wechat.robot()
    assert await (await listen(last=listener.last)).next() == ("reload", "")


async def test_silence_is_broken_now_and_then(listen: Listen) -> None:
    with movable_loop_time() as advance:
        listener = await listen()
        await listener.next("faults")
        heard = asyncio.ensure_future(listener.response.content.readline())
        while not heard.done():
            await turns()
            advance(ALIVE_S + 1)
        assert await heard == b":\n"


async def test_pages_are_let_go_when_the_sandbox_stops(wechat: WeChat, listen: Listen) -> None:
    listener = await listen()
    await listener.next("faults")
    await wechat.http.app.shutdown()
    assert await listener.response.content.read() == b""


async def test_so_many_pages_listen_and_no_more(
    wechat: WeChat, listen: Listen, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(changes, "WATCHERS", 1)
    listener = await listen()
    await listener.next("faults")
    assert (await wechat.raw("GET", EVENTS)).status == 503
    listener.response.close()
    await wechat.robot()  # which is when the sandbox hears that it has left
    response = await wechat.raw("GET", EVENTS)
    while response.status == 503:
        await turns()
        response = await wechat.raw("GET", EVENTS)
    assert response.status == 200

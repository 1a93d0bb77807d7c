"""Mails, text messages and voice calls on the page, as their readers see them; each sent as real clients send it."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from email.message import EmailMessage

import aiosmtplib
import pytest
from aiohttp import ClientResponse
from pytest_aiohttp import AiohttpClient

from esb.sandbox import create_sandbox
from esb.sandbox.pages.images import INERT
from esb.sandbox.smtp import taking_mails
from esb.server.listening_sockets import bound
from tests.support.clock import Clock
from tests.support.sandbox_messages import call_up, mail, png, send_sms
from tests.support.wechat_client import WeChat

INBOX = "/_sandbox/inbox"
Send = Callable[[EmailMessage], Awaitable[object]]


@pytest.fixture
async def stack() -> AsyncIterator[AsyncExitStack]:
    async with AsyncExitStack() as stack:
        yield stack


@pytest.fixture
async def wechat(aiohttp_client: AiohttpClient) -> WeChat:
    clock = Clock()
    return WeChat(await aiohttp_client(create_sandbox(clock=clock.since_1970)), clock)


@pytest.fixture
async def send(wechat: WeChat, stack: AsyncExitStack) -> Send:
    """Send a mail to the sandbox."""
    sockets = bound("127.0.0.1", 0)
    await stack.enter_async_context(taking_mails(wechat.http.app, sockets))
    port = sockets[0].getsockname()[1]
    return lambda message: aiosmtplib.send(message, hostname="127.0.0.1", port=port, start_tls=False)


async def get(wechat: WeChat, path: str = "") -> ClientResponse:
    return await wechat.raw("GET", INBOX + path, headers={"Accept": "text/html"})


async def test_a_mail_shows_what_its_reader_sees(wechat: WeChat, send: Send) -> None:
    await send(mail("磁盘 <b>告警</b> https://example.com/x", report=b"12345", chart=png()))
    text = await (await get(wechat)).text()

    assert '<span class="card-title">磁盘 &lt;b&gt;告警&lt;/b&gt; https://example.com/x</span>' in text
    assert "ann@example.com</dd>" in text
    assert "<dd>bob@example.com</dd>" in text
    assert '<a href="https://example.com/x"' in text
    assert "report磁盘 &lt;b&gt;告警&lt;/b&gt; https://example.com/x" in text
    assert "5 Bytes" in text
    assert "got it</span> <a" in text


async def test_the_html_of_a_mail_is_shown_as_text(wechat: WeChat, send: Send) -> None:
    message = EmailMessage()
    message["Subject"], message["From"], message["To"] = "page", "esb@example.com", "ann@example.com"
    message.set_content(
        "<html><body><h1>Head</h1><p onclick=x()>one <b>two</b></p><script>alert(1)</script></body></html>",
        subtype="html",
    )
    await send(message)
    text = await (await get(wechat)).text()
    assert '<div class="words mail-words">Head\none two</div>' in text
    assert "alert(1)" not in text
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in await (await get(wechat, "/1")).text()


async def test_attachments_are_given_out_and_never_run(wechat: WeChat, send: Send) -> None:
    await send(mail("<x>", evil=b"<script>alert(1)</script>", chart=png()))
    first, second, none = [await get(wechat, f"/1/attachments/{number}") for number in ("0", "1", "2" * 5000)]

    assert await first.read() == b"<script>alert(1)</script>"
    assert await second.read() == png()
    assert none.status == 404
    for response in (first, second):
        assert response.content_type == "application/octet-stream"
        assert INERT.items() <= response.headers.items()
    assert first.headers["Content-Disposition"] == "attachment; filename*=UTF-8''evil%3Cx%3E"
    assert (await get(wechat, "/1/raw")).headers["Content-Disposition"].endswith("message-1.eml")


async def test_bytes_that_are_no_mail_are_shown_somehow(wechat: WeChat, stack: AsyncExitStack) -> None:
    sockets = bound("127.0.0.1", 0)
    await stack.enter_async_context(taking_mails(wechat.http.app, sockets))
    client = aiosmtplib.SMTP(hostname="127.0.0.1", port=sockets[0].getsockname()[1], start_tls=False)
    await client.connect()
    raw = b"Content-Type: multipart/mixed\r\nSubject: =?x?\r\n\r\n\xff\xfe<b>"
    await client.sendmail("esb@example.com", ["ann@example.com"], raw)
    await client.quit()

    text = await (await get(wechat)).text()
    assert "&lt;b&gt;" in text
    assert "=?x?" in text


async def test_text_messages_and_calls_show_what_is_read_and_heard(wechat: WeChat) -> None:
    await send_sms(wechat, "code <b>12</b>", ["+8613800000000", "12"])
    await call_up(wechat, "wake <i>up</i>", "+8613800000000")
    text = await (await get(wechat)).text()

    assert '<div class="bubble words">【sandbox】code &lt;b&gt;12&lt;/b&gt;</div>' in text
    assert "A voice reads:</small>wake &lt;i&gt;up&lt;/i&gt;<" in text
    assert text.count('href="/_sandbox/inbox?touser=%2B8613800000000"') == 2
    assert 'invalid</span> <a href="/_sandbox/inbox?touser=12">12</a>' in text


@pytest.mark.parametrize(("platform", "number"), [("mail", 1), ("sms", 2), ("voice", 3)])
async def test_they_are_filtered_as_others_are(wechat: WeChat, send: Send, platform: str, number: int) -> None:
    await send(mail("one"))
    await send_sms(wechat, "two", ["+8613800000000"])
    await call_up(wechat, "three", "+8613800000000")
    response = await wechat.raw("GET", f"{INBOX}?platform={platform}", headers={"Accept": "application/json"})
    assert [message["id"] for message in (await response.json())["messages"]] == [number]


async def test_a_button_lets_mails_fail_as_well(wechat: WeChat, send: Send) -> None:
    form = {"fault": "refused", "calls": "mail", "times": "1"}
    await wechat.http.post(f"{INBOX}/faults", data=form, headers={"Sec-Fetch-Site": "same-origin"})
    with pytest.raises(aiosmtplib.SMTPDataError, match="450"):
        await send(mail("one"))
    await send(mail("two"))
    assert [message["body"]["subject"] for message in await wechat.messages()] == ["two"]

"""Connections to callers: what is no HTTP gets an envelope and one line of the log, and nothing of aiohttp's own."""

import asyncio
from typing import Any

import pytest
from aiohttp import web

from esb.core.events import CallFinished, Crashed
from esb.gateway.app import GATEWAY
from tests.support.gateway import Gateway, OpenGateway, OpenServer
from tests.support.wire import Answer, connection, read_answer, request, until

ECHO = b"/api/c/compapi/test/echo/"
ECHOING = '  - {path: /test/echo/, use: "tests.support.components:Echo"}\n'
SECRET = b"hunter2"
CHUNKED = request(b"POST", ECHO, headers=(b"Transfer-Encoding: chunked",))
BROKEN = b"5\r\n{" + SECRET[:4] + b"\r\nzz" + SECRET + b"\r\n"


@pytest.fixture
async def echo(open_gateway: OpenGateway) -> Gateway:
    return await open_gateway(ECHOING, more="middlewares: []\n")


async def only_answer(gateway: Gateway, raw: bytes) -> Answer:
    """The answer to these bytes, behind which the connection is closed."""
    async with connection(gateway.url) as (reader, writer):
        writer.write(raw)
        answer = await read_answer(reader)
        assert await reader.read() == b""
    return answer


def calls(gateway: Gateway) -> list[CallFinished]:
    assert [event for event in gateway.events if isinstance(event, Crashed)] == []
    return [event for event in gateway.events if isinstance(event, CallFinished)]


def in_flight(gateway: Gateway) -> set[asyncio.Task[Any]]:
    return gateway.app[GATEWAY].ingress.in_flight


async def relaying(open_gateway: OpenGateway, open_server: OpenServer) -> tuple[Gateway, asyncio.Event, asyncio.Event]:
    """A gateway before an upstream that says when it is asked, and answers when it is told to."""
    asked, answer = asyncio.Event(), asyncio.Event()

    async def slow(request: web.Request) -> web.Response:
        asked.set()
        await answer.wait()
        return web.json_response({"word": "late"})

    upstream = web.Application()
    upstream.router.add_get("/", slow)
    url = await open_server(upstream)
    relay = f'  - {{path: /test/relay/, use: "tests.support.components:Relay", config: {{url: "{url}"}}}}\n'
    return await open_gateway(relay, more="middlewares: []\n"), asked, answer


UNREADABLE = {
    "raw utf-8 in the address": (400, "GET /中文/hunter2 HTTP/1.1\r\nHost: a\r\n\r\n".encode()),
    "no request line": (400, b"hunter2 hunter2\r\n\r\n"),
    "a version to come": (400, b"GET /hunter2 HTTP/3.0\r\nHost: a\r\n\r\n"),
    "an unknown method": (400, b"HUNTER2 / HTTP/1.1\r\nHost: a\r\n\r\n"),
    "TLS": (400, b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03hunter2"),
    "no host": (400, b"GET /hunter2 HTTP/1.1\r\n\r\n"),
    "a header without a colon": (400, request(b"GET", ECHO, headers=(b"Cookie hunter2",))),
    "a control byte in a header": (400, request(b"GET", ECHO, headers=(b"Cookie: hunter2\x01",))),
    "a null byte in a header": (400, request(b"GET", ECHO, headers=(b"Cookie: hunter2\x00",))),
    "a name that is no name": (400, request(b"GET", ECHO, headers=(b"Coo\xffkie: hunter2",))),
    "a folded header": (400, request(b"GET", ECHO, headers=(b"Cookie: a", b" hunter2"))),
    "a negative length": (400, request(b"POST", ECHO, headers=(b"Content-Length: -1",))),
    "two lengths": (400, request(b"POST", ECHO, headers=(b"Content-Length: 1", b"Content-Length: 2"))),
    "a length of chunks": (400, request(b"POST", ECHO, b"1", (b"Transfer-Encoding: chunked",))),
    "a broken chunk": (400, CHUNKED + BROKEN),
    "a long address": (414, request(b"GET", b"/" + SECRET * 1300)),
    "a long cookie": (431, request(b"GET", ECHO, headers=(b"Cookie: " + SECRET * 1300,))),
    "a long name": (431, request(b"GET", ECHO, headers=(SECRET * 1300 + b": 1",))),
    "many headers": (431, request(b"GET", ECHO, headers=(b"Cookie: hunter2",) * 200)),
}


@pytest.mark.parametrize(("status", "raw"), UNREADABLE.values(), ids=UNREADABLE)
async def test_what_is_no_http_gets_an_envelope_and_one_line(
    echo: Gateway, status: int, raw: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    answer = await only_answer(echo, raw)
    assert (answer.status, answer.envelope()["code"]) == (status, 1306406)
    assert answer.header("Server") == "esb-gateway"
    assert b"unt" not in answer.body  # nothing of what was sent
    (call,) = calls(echo)
    assert (call.id, call.status, call.source) == (answer.envelope()["request_id"], status, "caller")
    assert (call.client_ip, call.path, call.code) == ("127.0.0.1", "", 1306406)
    assert caplog.messages == []


async def test_nor_does_an_unreadable_request_need_to_be_the_first(echo: Gateway) -> None:
    async with connection(echo.url) as (reader, writer):
        writer.write(request(b"GET", ECHO))
        assert (await read_answer(reader)).status == 200
        writer.write(b"hello\r\n\r\n")
        assert (await read_answer(reader)).envelope()["code"] == 1306406
        assert await reader.read() == b""
    assert [call.status for call in calls(echo)] == [200, 400]


async def test_one_behind_a_call_under_way_is_answered_after_it(
    open_gateway: OpenGateway, open_server: OpenServer
) -> None:
    gateway, asked, answer = await relaying(open_gateway, open_server)
    async with connection(gateway.url) as (reader, writer):
        writer.write(request(b"GET", b"/api/c/compapi/test/relay/"))
        await asked.wait()
        writer.write(b"hello\r\n\r\n")
        answer.set()
        assert (await read_answer(reader)).envelope()["data"] == {"word": "late"}
        assert (await read_answer(reader)).status == 400
        assert await reader.read() == b""


async def test_a_call_that_waits_for_its_body_is_told_at_once_that_it_is_broken(
    echo: Gateway, caplog: pytest.LogCaptureFixture
) -> None:
    async with connection(echo.url) as (reader, writer):
        writer.write(CHUNKED)
        await until(lambda: bool(in_flight(echo)))
        writer.write(BROKEN)
        answer = await read_answer(reader)
        assert await reader.read() == b""
    assert (answer.status, answer.envelope()["code"]) == (400, 1306406)
    (call,) = calls(echo)
    assert (call.component, call.status) == ("echo", 400)
    assert caplog.messages == []


# Clients that end their own side


async def test_a_client_that_only_ended_its_own_side_gets_its_answer(
    open_gateway: OpenGateway, open_server: OpenServer
) -> None:
    gateway, asked, answer = await relaying(open_gateway, open_server)
    async with connection(gateway.url) as (reader, writer):
        writer.write(request(b"GET", b"/api/c/compapi/test/relay/"))
        await asked.wait()
        writer.write_eof()
        await asyncio.sleep(0)
        answer.set()
        assert (await read_answer(reader)).envelope()["data"] == {"word": "late"}
        assert await reader.read() == b""


@pytest.mark.parametrize("raw", [request(b"POST", ECHO, b'{"a": 1}'), request(b"GET", b"/api/c/ping/"), b"hello\r\n"])
async def test_so_does_one_that_ends_it_at_once(echo: Gateway, raw: bytes) -> None:
    async with connection(echo.url) as (reader, writer):
        writer.write(raw)
        writer.write_eof()
        assert (await read_answer(reader)).status in {200, 400}
        assert await reader.read() == b""


@pytest.mark.parametrize("raw", [b"", b"GET /", request(b"POST", ECHO, b"{", length=9), CHUNKED])
async def test_one_that_asked_for_nothing_whole_is_closed(echo: Gateway, raw: bytes) -> None:
    async with connection(echo.url) as (reader, writer):
        writer.write(raw)
        writer.write_eof()
        assert await reader.read() == b""

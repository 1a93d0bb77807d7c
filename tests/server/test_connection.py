"""Connections to callers: what is no HTTP gets an envelope and one line of the log, and nothing of aiohttp's own."""

import asyncio
from typing import Any

import pytest
from aiohttp import web

from esb.core.events import CallFinished, Crashed
from esb.gateway.app import GATEWAY
from tests.support.gateway import Gateway, OpenGateway, OpenServer
from tests.support.unreadable import BROKEN, CHUNKED, UNREADABLE
from tests.support.wire import Answer, connection, read_answer, request, until

ECHO = b"/api/c/compapi/test/echo/"
ECHOING = '  - {path: /test/echo/, use: "tests.support.components:Echo"}\n'


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


@pytest.mark.parametrize("version", [b"HTTP/0.9", b"HTTP/2.0"])
async def test_no_answer_is_in_a_version_that_is_not_spoken_here(echo: Gateway, version: bytes) -> None:
    async with connection(echo.url) as (reader, writer):
        writer.write(request(b"GET", ECHO).replace(b"HTTP/1.1", version))
        assert await reader.readexactly(13) == b"HTTP/1.1 200 "


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


async def test_a_body_that_breaks_after_its_answer_is_no_bug(echo: Gateway, caplog: pytest.LogCaptureFixture) -> None:
    async with connection(echo.url) as (reader, writer):
        writer.write(request(b"POST", b"/nowhere", headers=(b"Transfer-Encoding: chunked",)))
        assert (await read_answer(reader)).status == 404
        writer.write(BROKEN)
        assert await reader.read() == b""
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


@pytest.mark.parametrize(
    ("status", "raw"),
    [
        (400, b"hello\r\n\r\n"),
        (414, b"GET /" + b"a" * 9000 + b" HTTP/1.1\r\n\r\n"),
        (431, b"GET / HTTP/1.1\r\nX: " + b"a" * 9000 + b"\r\n\r\n"),
    ],
)
async def test_who_still_sends_reads_the_answer_to_what_is_no_http(echo: Gateway, status: int, raw: bytes) -> None:
    async with connection(echo.url) as (reader, writer):
        writer.write(raw)
        head = await reader.readuntil(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.0 %d " % status)
        for _ in range(50):
            writer.write(bytes(100_000))
            await writer.drain()
        rest = await reader.read()  # a reset would be an error here
        assert b"1306406" in rest
        writer.write_eof()

"""Connections of the listeners: who lets the gateway wait for a request is not waited for without end."""

import asyncio
import json
import socket
from contextlib import ExitStack
from pathlib import Path

import pytest
from aiohttp import web
from yarl import URL

from esb.incoming.admission import HEAD_SECONDS
from esb.server import listener
from esb.server.listener import IDLE_SECONDS
from tests.support.gateway import Gateway, OpenGateway, OpenServer
from tests.support.loop_time import Advance, movable_loop_time
from tests.support.wire import connection, read_answer, request, until

ROOM = Path("/proc/sys/net/core/somaxconn")
AT_ONCE = 300
PING = request(b"GET", b"/api/c/ping/")


async def seconds_until_closed(
    advance: Advance, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, drop: bytes = b""
) -> float:
    """Return the seconds for which the gateway keeps this connection, on which a drop comes every second."""
    seconds = 0.0
    while not reader.at_eof():
        assert seconds < 2 * IDLE_SECONDS
        writer.write(drop)
        advance(1.0)
        seconds += 1.0
        for _ in range(5):  # turns of the event loop: the drop arrives, the timer fires, the end is read
            await asyncio.sleep(0)
    assert await reader.read() == b""
    return seconds


@pytest.mark.skipif(not ROOM.exists() or int(ROOM.read_text()) < AT_ONCE, reason="the system lets fewer wait")
async def test_many_may_connect_before_anybody_is_looked_after(gateway: Gateway) -> None:
    address = URL(gateway.url)
    with ExitStack() as stack:  # no turn of the event loop, so that nobody is taken from the queue
        for _ in range(AT_ONCE):
            stack.enter_context(socket.create_connection((address.host, address.port), timeout=10))


@pytest.mark.parametrize(
    ("begun", "drop", "seconds"),
    [
        (b"", b"", IDLE_SECONDS),
        (b"", b"\r\n", HEAD_SECONDS),
        (b"POST /api/c/", b"c", HEAD_SECONDS),
        (PING[:-2], b"", HEAD_SECONDS),
        (PING[:-2] + b"X-Slow: ", b"c", HEAD_SECONDS),
    ],
)
async def test_a_request_whose_head_does_not_come_is_not_waited_for(
    gateway: Gateway, begun: bytes, drop: bytes, seconds: float
) -> None:
    with movable_loop_time() as advance:
        async with connection(gateway.url) as (reader, writer):
            writer.write(begun)
            assert await seconds_until_closed(advance, reader, writer, drop) == pytest.approx(seconds, abs=5)


async def test_nor_is_the_next_request_on_a_connection(gateway: Gateway) -> None:
    with movable_loop_time() as advance:
        async with connection(gateway.url) as (reader, writer):
            for _ in range(3):
                advance(IDLE_SECONDS * 0.9)
                writer.write(PING)
                assert (await read_answer(reader)).body == b"pong"
            writer.write(PING[:-2])
            assert await seconds_until_closed(advance, reader, writer) == pytest.approx(HEAD_SECONDS, abs=5)


async def test_a_call_may_take_longer(open_gateway: OpenGateway, open_server: OpenServer) -> None:
    asked, answer = asyncio.Event(), asyncio.Event()

    async def slow(request: web.Request) -> web.Response:
        asked.set()
        await answer.wait()
        return web.json_response({"word": "late"})

    upstream = web.Application()
    upstream.router.add_get("/", slow)
    url = await open_server(upstream)
    gateway = await open_gateway(
        f'  - {{path: /test/relay/, use: "tests.support.components:Relay", timeout: 1000, config: {{url: "{url}"}}}}\n',
        more="middlewares: []\n",
    )
    with movable_loop_time() as advance:
        async with connection(gateway.url) as (reader, writer):
            writer.write(request(b"GET", b"/api/c/compapi/test/relay/"))
            await asked.wait()
            advance(3 * IDLE_SECONDS)
            answer.set()
            assert (await read_answer(reader)).envelope()["data"] == {"word": "late"}


@pytest.mark.parametrize(
    "raw",
    [
        b"CONNECT example.com:443 HTTP/1.1\r\nHost: example.com:443\r\n\r\n",
        b"OPTIONS * HTTP/1.1\r\nHost: gateway\r\n\r\n",
        b"GET http://elsewhere/ HTTP/1.1\r\nHost: elsewhere\r\n\r\n",
        b"MKCOL /api/c/compapi/cmsi/send_weixin/ HTTP/1.1\r\nHost: gateway\r\n\r\n",
        b"GET / HTTP/1.0\r\n\r\n",
    ],
)
async def test_whatever_is_asked_is_answered_by_an_envelope(gateway: Gateway, raw: bytes) -> None:
    async with connection(gateway.url) as (reader, writer):
        writer.write(raw)
        answer = await read_answer(reader)
    assert (answer.status, answer.envelope()["code"]) == (404, 1306404)
    assert answer.header("Server") == "esb-gateway"


@pytest.mark.parametrize("path", ["/api/c/ping/", "/api/c/healthz/", "/nowhere/"])
async def test_every_answer_has_an_id_and_says_who_served_it(gateway: Gateway, path: str) -> None:
    mine = "0123456789abcdef" * 2
    response = await gateway.request("GET", path, headers={"X-Bkapi-Request-Id": mine})
    assert response.headers["X-Bkapi-Request-Id"] == mine
    assert response.headers["Server"] == "esb-gateway"


async def test_answers_one_after_another_on_one_connection_are_told_apart(gateway: Gateway) -> None:
    async with connection(gateway.url) as (reader, writer):
        writer.write(request(b"GET", b"/one/") + request(b"HEAD", b"/two/") + request(b"GET", b"/three/"))
        first = await read_answer(reader)
        head = await reader.readuntil(b"\r\n\r\n")
        third = await read_answer(reader)
    assert head.startswith(b"HTTP/1.1 404 ")
    assert first.envelope()["request_id"] != third.envelope()["request_id"]


def is_connected(port: int, peer: int) -> bool:
    """Return True if the system still has this connection of the listener at `port`."""
    rows = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    return (f"{port:04X}", f"{peer:04X}") in {(row[1].partition(":")[2], row[2].partition(":")[2]) for row in rows}


async def test_an_answer_that_nobody_takes_is_not_kept_for_ever(
    open_gateway: OpenGateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(listener, "UNTAKEN_SECONDS", 0.5)
    gateway = await open_gateway(
        '  - {path: /test/echo/, use: "tests.support.components:Echo"}\n', more="middlewares: []\n"
    )
    port = URL(gateway.url).port
    assert port is not None
    async with connection(gateway.url) as (_, writer):
        peer = writer.get_extra_info("sockname")[1]
        body = json.dumps({"text": "x" * 9_000_000}).encode()
        assert is_connected(port, peer)
        writer.write(request(b"POST", b"/api/c/compapi/test/echo/", body))
        await until(lambda: bool(gateway.events))
        await until(lambda: not is_connected(port, peer))

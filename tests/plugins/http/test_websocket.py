"""`use: http` with `response: raw`: a WebSocket passes both ways as it is, to its end on either side."""

import asyncio
import json
from contextlib import AsyncExitStack
from typing import Any

import pytest
from aiohttp import ClientWebSocketResponse, WSMsgType, WSServerHandshakeError, web

from esb.core.events import CallFinished
from esb.gateway.app import GATEWAY
from tests.support.configuration import DEMO
from tests.support.gateway import Gateway, OpenGateway, OpenServer
from tests.support.loop_time import movable_loop_time, turns
from tests.support.servers.raw_server import Peer, raw_server
from tests.support.servers.recorder import proxy
from tests.support.wire import SPINS, connection, until

RELAY = "/api/c/compapi/demo/relay/"
BY_HEADER = {"X-Bkapi-Authorization": json.dumps(DEMO)}
MESSAGES = 10_000


class Upstream:
    """A server that answers each message with itself, and closes as it is told: `close:CODE`."""

    def __init__(self) -> None:
        self.headers: dict[str, str] = {}
        self.closed: list[int | None] = []
        self.open = 0

    async def handle(self, request: web.Request) -> web.StreamResponse:
        self.headers = dict(request.headers)
        socket = web.WebSocketResponse(protocols=("chat", "other"), max_msg_size=0)
        if not socket.can_prepare(request).ok:
            return web.Response(text="no websocket")
        await socket.prepare(request)
        self.open += 1
        try:
            async for message in socket:
                if message.type is WSMsgType.TEXT and message.data.startswith("close:"):
                    await socket.close(code=int(message.data[6:]), message=b"as told")
                elif message.type is WSMsgType.TEXT:
                    await socket.send_str(message.data)
                else:
                    await socket.send_bytes(message.data)
            self.closed.append(socket.close_code)
        finally:
            self.open -= 1
        return socket


@pytest.fixture
def upstream() -> Upstream:
    return Upstream()


@pytest.fixture
async def gateway(
    request: pytest.FixtureRequest, open_gateway: OpenGateway, open_server: OpenServer, upstream: Upstream
) -> Gateway:
    return await opened_gateway(open_gateway, open_server, upstream)


async def opened_gateway(
    open_gateway: OpenGateway, open_server: OpenServer, upstream: Upstream, more: str = "", **config: Any
) -> Gateway:
    app = web.Application()
    app.router.add_get("/x/", upstream.handle)
    return await open_gateway(proxy(await open_server(app), **{"response": "raw", **config}), more=more)


async def opened_socket(gateway: Gateway, **options: Any) -> ClientWebSocketResponse:
    options.setdefault("headers", BY_HEADER)
    socket: ClientWebSocketResponse = await gateway.http.ws_connect(gateway.url + RELAY, **options)
    return socket


def finished(gateway: Gateway) -> list[CallFinished]:
    return [event for event in gateway.events if isinstance(event, CallFinished)]


async def test_ten_thousand_messages_come_back_in_order(gateway: Gateway) -> None:
    async with await opened_socket(gateway) as socket:

        async def send() -> None:
            for number in range(MESSAGES):
                await socket.send_str(f"message {number}")

        sending = asyncio.create_task(send())
        got = [await socket.receive_str() for _ in range(MESSAGES)]
        await sending
    assert got == [f"message {number}" for number in range(MESSAGES)]


async def test_large_messages_pass_whole(gateway: Gateway) -> None:
    async with await opened_socket(gateway, max_msg_size=0) as socket:
        for size in (0, 1, 125, 126, 65535, 65536, 3_000_000):
            await socket.send_bytes(b"x" * size)
            assert len(await socket.receive_bytes()) == size


@pytest.mark.parametrize("code", [1000, 1001, 1011, 3000, 4999])
async def test_close_codes_pass_both_ways(gateway: Gateway, upstream: Upstream, code: int) -> None:
    socket = await opened_socket(gateway)
    await socket.send_str(f"close:{code}")
    message = await socket.receive()
    assert (message.type, message.data, message.extra) == (WSMsgType.CLOSE, code, "as told")
    socket = await opened_socket(gateway)
    await socket.close(code=code)
    await until(lambda: len(upstream.closed) == 2)
    assert upstream.closed[-1] == code
    await until(lambda: len(finished(gateway)) == 2)
    assert [(call.status, call.code) for call in finished(gateway)] == [(101, 0)] * 2


async def test_subprotocol_and_extensions_are_between_client_and_upstream(gateway: Gateway, upstream: Upstream) -> None:
    async with await opened_socket(gateway, protocols=("other",), compress=15) as socket:
        assert (socket.protocol, socket.compress) == ("other", 15)
        await socket.send_str("a" * 1000)
        assert await socket.receive_str() == "a" * 1000
    assert upstream.headers["Bk-Username"] == "admin"
    assert "X-Bkapi-Authorization" not in upstream.headers


async def test_who_may_not_call_opens_nothing(gateway: Gateway, upstream: Upstream) -> None:
    for claims in ({}, {"bk_app_code": "esb_demo", "bk_app_secret": "wrong", "bk_username": "admin"}):
        with pytest.raises(WSServerHandshakeError) as refused:
            await opened_socket(gateway, headers={"X-Bkapi-Authorization": json.dumps(claims)})
        assert refused.value.status == 200
    assert upstream.headers == {}


async def test_a_page_of_another_origin_opens_nothing(
    open_gateway: OpenGateway, open_server: OpenServer, upstream: Upstream
) -> None:
    more = "server: {cors: {origins: ['https://app.example.com']}}\n"
    gateway = await opened_gateway(open_gateway, open_server, upstream, more)
    with pytest.raises(WSServerHandshakeError):
        await opened_socket(gateway, origin="https://evil.example.com")
    for origin in ("https://app.example.com", gateway.url):
        async with await opened_socket(gateway, origin=origin) as socket:
            await socket.send_str("a")
            assert await socket.receive_str() == "a"


@pytest.mark.parametrize("config", [{"response": "wrap"}, {"response": "envelope"}, {"method": "POST"}])
async def test_elsewhere_it_is_refused(
    open_gateway: OpenGateway, open_server: OpenServer, upstream: Upstream, config: dict[str, str]
) -> None:
    gateway = await opened_gateway(open_gateway, open_server, upstream, **config)
    headers = {**BY_HEADER, "Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Version": "13"}
    for _ in range(2):
        answer = await gateway.request("GET", RELAY, headers=headers)
        assert (await answer.json())["code"] == 1306406


async def test_an_upstream_that_does_not_switch_is_answered_as_it_says(
    open_gateway: OpenGateway, open_server: OpenServer
) -> None:
    app = web.Application()

    async def plain(request: web.Request) -> web.Response:
        return web.Response(status=403, text="no")

    app.router.add_get("/x/", plain)
    gateway = await open_gateway(proxy(await open_server(app), response="raw"))
    with pytest.raises(WSServerHandshakeError) as refused:
        await opened_socket(gateway)
    assert refused.value.status == 403


async def test_when_nobody_says_anything_both_are_told_to_go(
    open_gateway: OpenGateway, open_server: OpenServer, upstream: Upstream
) -> None:
    gateway = await opened_gateway(open_gateway, open_server, upstream, idle_timeout="0.2")
    socket = await opened_socket(gateway)
    message = await socket.receive()
    assert (message.type, message.data) == (WSMsgType.CLOSE, 1001)
    await until(lambda: upstream.closed == [1001])


async def test_it_outlives_the_deadline_of_a_call_and_holds_a_slot(
    open_gateway: OpenGateway, open_server: OpenServer, upstream: Upstream
) -> None:
    app = web.Application()
    app.router.add_get("/x/", upstream.handle)
    url = await open_server(app)
    gateway = await open_gateway(proxy(url, stanza="timeout: 20, ", response="raw", max_concurrency="1"))
    async with await opened_socket(gateway) as socket:
        assert len(gateway.app[GATEWAY].ingress.in_flight) == 1
        with pytest.raises(WSServerHandshakeError):
            await opened_socket(gateway)
        with movable_loop_time() as advance:
            for seconds in (25, 1):  # behind the deadline, and behind what is given to calls that the loop held up
                advance(seconds)
                await turns()
        await socket.send_str("late")
        assert await socket.receive_str() == "late"
    await until(lambda: not gateway.app[GATEWAY].ingress.in_flight)
    async with await opened_socket(gateway):
        pass


async def test_draining_tells_both_sides_to_go(gateway: Gateway, upstream: Upstream) -> None:
    socket = await opened_socket(gateway)
    await socket.send_str("a")
    assert await socket.receive_str() == "a"
    draining = asyncio.create_task(gateway.app[GATEWAY].drain(30))
    message = await socket.receive()
    assert (message.type, message.data) == (WSMsgType.CLOSE, 1001)
    await draining
    assert upstream.closed == [1001]


async def test_a_client_that_vanishes_leaves_nothing_open(gateway: Gateway, upstream: Upstream) -> None:
    request = (
        f"GET {RELAY} HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
        f"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nX-Bkapi-Authorization: {json.dumps(DEMO)}\r\n\r\n"
    )
    async with connection(gateway.url) as (reader, writer):
        writer.write(request.encode())
        head = await reader.readuntil(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 101 ")
        assert b"Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=" in head
    await until(lambda: not upstream.open and not gateway.app[GATEWAY].ingress.in_flight)


async def test_an_upstream_that_sends_faster_than_is_read_is_held_up(
    open_gateway: OpenGateway, opened: AsyncExitStack
) -> None:
    sent = 0

    async def flood(peer: Peer) -> None:
        nonlocal sent
        await peer.request()
        await peer.send(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n")
        frame = b"\x82\x7f" + (2**20).to_bytes(8, "big") + bytes(2**20)
        while sent < 200:
            await peer.send(frame)
            sent += 1

    server = await opened.enter_async_context(raw_server(flood))
    gateway = await open_gateway(proxy(server.url, response="raw"))
    async with connection(gateway.url) as (reader, writer):
        writer.write(
            f"GET {RELAY} HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
            f"X-Bkapi-Authorization: {json.dumps(DEMO)}\r\n\r\n".encode()
        )
        await reader.readuntil(b"\r\n\r\n")
        await until(lambda: sent > 0)
        before = -1
        while before != sent:  # until nothing moves any more: all of it happens in this loop
            before = sent
            await turns(SPINS)
        assert sent < 100

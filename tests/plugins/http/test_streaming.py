"""`use: http` with `response: raw`: bodies pass through as they come, both ways, and end with either side."""

import asyncio
import gzip
import json
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from typing import Any

import pytest
from aiohttp import ClientPayloadError, web
from yarl import URL

from esb.core.events import CallFinished, UpstreamFinished
from esb.gateway.app import GATEWAY
from tests.support.configuration import DEMO
from tests.support.gateway import Gateway, OpenGateway, OpenServer
from tests.support.loop_time import late, movable_loop_time
from tests.support.servers.raw_server import Peer, RawServer, Script, raw_server, saying, silent
from tests.support.servers.recorder import Recorder, proxy, recording
from tests.support.wire import connection, until

RELAY = "/api/c/compapi/demo/relay/"
METHODS = "methods: [GET, HEAD, POST, PUT], "
BY_HEADER = {"X-Bkapi-Authorization": json.dumps(DEMO)}
HEAD = b"X-Bkapi-Authorization: " + json.dumps(DEMO).encode()
FOREVER = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nfirst\r\n"


def raw(*hosts: str, stanza: str = "", **config: Any) -> str:
    return proxy(*hosts, stanza=METHODS + stanza, response="raw", **config)


@pytest.fixture
async def upstream(open_server: OpenServer) -> Recorder:
    return await recording(open_server)


class OpenRaw:
    """A gateway in front of a server that follows a script."""

    def __init__(self, open_gateway: OpenGateway, opened: AsyncExitStack) -> None:
        self._open_gateway = open_gateway
        self._opened = opened

    async def __call__(self, script: Script, **config: Any) -> tuple[Gateway, RawServer]:
        server = await self._opened.enter_async_context(raw_server(script))
        return await self._open_gateway(raw(server.url, **config)), server


@pytest.fixture
def open_raw(open_gateway: OpenGateway, opened: AsyncExitStack) -> OpenRaw:
    return OpenRaw(open_gateway, opened)


async def test_a_redirect_is_passed_on_and_not_followed(open_raw: OpenRaw, open_server: OpenServer) -> None:
    elsewhere = await recording(open_server)
    head = f"HTTP/1.1 302 Found\r\nLocation: {elsewhere.url}\r\nContent-Length: 2\r\n\r\nno"
    gateway, _ = await open_raw(saying(head.encode()))
    async with gateway.http.get(gateway.url + RELAY, headers=BY_HEADER, allow_redirects=False) as answer:
        assert (answer.status, answer.headers["Location"], await answer.read()) == (302, elsewhere.url, b"no")
    assert elsewhere.seen == []


def finished(gateway: Gateway) -> CallFinished:
    [event] = [event for event in gateway.events if isinstance(event, CallFinished)]
    return event


def exchange(gateway: Gateway) -> UpstreamFinished:
    [event] = [event for event in gateway.events if isinstance(event, UpstreamFinished)]
    return event


def answered(gateway: Gateway) -> bool:
    return any(isinstance(event, CallFinished) for event in gateway.events)


# Answers


async def test_status_headers_and_body_pass_as_they_are(open_raw: OpenRaw) -> None:
    packed = gzip.compress(b"hello", mtime=0)
    answer = (
        b"HTTP/1.1 418 Teapot\r\nContent-Type: text/x-tea\r\nContent-Encoding: gzip\r\nContent-Length: %d\r\n"
        b"Set-Cookie: a=1\r\nSet-Cookie: b=2\r\nConnection: close, X-Hop\r\nX-Hop: 1\r\nKeep-Alive: timeout=5\r\n"
        b"X-Control: a\x01b\r\nServer: theirs\r\nX-Bkapi-Request-Id: theirs\r\nX-Odd: caf\xe9\r\nETag: W/x\r\n\r\n%b"
    ) % (len(packed), packed)
    gateway, _ = await open_raw(saying(answer))
    async with gateway.http.get(gateway.url + RELAY, headers=BY_HEADER, auto_decompress=False) as response:
        assert (response.status, await response.read()) == (418, packed)
        seen = response.headers
        assert (seen["Content-Type"], seen["Content-Encoding"], seen["ETag"]) == ("text/x-tea", "gzip", "W/x")
        assert seen["Content-Length"] == str(len(packed))
        assert seen.getall("Set-Cookie") == ["a=1", "b=2"]
        assert not {"X-Hop", "Keep-Alive", "X-Control"} & set(seen)
        assert seen.getall("Server") == ["esb-gateway"]
        assert seen["X-Bkapi-Request-Id"] == finished(gateway).id
        assert seen["X-Odd"] == "café"
    assert (finished(gateway).status, finished(gateway).code) == (418, 0)
    assert (exchange(gateway).status, exchange(gateway).failure) == (418, "")


async def test_nothing_is_unpacked_for_a_client_that_asked_for_nothing_packed(
    open_gateway: OpenGateway, upstream: Recorder
) -> None:
    gateway = await open_gateway(raw(upstream.url))
    await gateway.request("GET", RELAY, headers=BY_HEADER, skip_auto_headers=["Accept-Encoding"])
    assert "Accept-Encoding" not in upstream.last.headers


@pytest.mark.parametrize(
    ("method", "status", "headers", "length"),
    [
        ("HEAD", "200 OK", "Content-Length: 1000\r\n", "1000"),
        ("GET", "204 No Content", "", None),
        ("GET", "304 Not Modified", "ETag: x\r\n", None),
        ("HEAD", "206 Partial Content", "Content-Range: bytes 0-4/10\r\nContent-Length: 5\r\n", "5"),
    ],
)
async def test_an_answer_without_a_body_has_none(
    open_raw: OpenRaw, method: str, status: str, headers: str, length: str | None
) -> None:
    async def script(peer: Peer) -> None:
        while await peer.request():
            await peer.send(f"HTTP/1.1 {status}\r\n{headers}\r\n".encode())

    gateway, server = await open_raw(script)
    for _ in range(2):
        async with gateway.http.request(method, gateway.url + RELAY, headers=BY_HEADER) as response:
            assert (response.status, await response.read()) == (int(status[:3]), b"")
            assert response.headers.get("Content-Length") == length
            assert "Transfer-Encoding" not in response.headers
    assert server.opened == 1  # the connection was good for another one


async def test_a_part_of_a_file_may_be_asked_for(open_gateway: OpenGateway, upstream: Recorder) -> None:
    async def part(request: web.Request) -> web.Response:
        assert (request.headers["Range"], request.headers["If-Range"]) == ("bytes=2-4", '"x"')
        return web.Response(status=206, body=b"234", headers={"Content-Range": "bytes 2-4/10"})

    upstream.answer = part
    gateway = await open_gateway(raw(upstream.url))
    response = await gateway.request("GET", RELAY, headers={**BY_HEADER, "Range": "bytes=2-4", "If-Range": '"x"'})
    assert (response.status, await response.read()) == (206, b"234")
    assert response.headers["Content-Range"] == "bytes 2-4/10"


async def test_an_event_is_there_as_soon_as_it_was_sent(open_raw: OpenRaw) -> None:
    more = asyncio.Event()

    async def script(peer: Peer) -> None:
        await peer.request()
        await peer.send(FOREVER.removesuffix(b"5\r\nfirst\r\n"))
        await more.wait()
        more.clear()
        await peer.send(b"5\r\nfirst\r\n")
        await more.wait()
        await peer.send(b"4\r\nlast\r\n0\r\n\r\n")

    gateway, _ = await open_raw(script)
    async with gateway.http.get(gateway.url + RELAY, headers=BY_HEADER) as response:
        assert response.headers["Content-Type"] == "text/event-stream"  # before there is anything to say
        more.set()
        assert await response.content.readany() == b"first"
        assert not answered(gateway)
        more.set()
        assert await response.content.readany() == b"last"
        assert await response.content.readany() == b""
    assert (finished(gateway).code, finished(gateway).status) == (0, 200)


# Ends


async def test_a_client_that_only_ended_its_own_side_reads_to_the_end(open_raw: OpenRaw) -> None:
    more = asyncio.Event()

    async def script(peer: Peer) -> None:
        await peer.request()
        await more.wait()
        more.clear()
        await peer.send(FOREVER)
        await more.wait()
        await peer.send(b"4\r\nlast\r\n0\r\n\r\n")

    gateway, server = await open_raw(script)
    async with connection(gateway.url) as (reader, writer):
        writer.write(b"GET %b HTTP/1.1\r\nHost: x\r\n%b\r\n\r\n" % (RELAY.encode(), HEAD))
        await server.has_opened(1)
        writer.write_eof()
        more.set()
        assert (await reader.readuntil(b"first")).startswith(b"HTTP/1.1 200")
        more.set()
        assert (await reader.read()).endswith(b"last\r\n0\r\n\r\n")
    assert (finished(gateway).code, finished(gateway).status) == (0, 200)


@pytest.fixture
def left_soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a client that has ended its own side have left the next moment."""
    monkeypatch.setattr("esb.incoming.disconnect.LEFT_SECONDS", 0.0)


@pytest.mark.usefixtures("left_soon")
async def test_a_client_that_hangs_up_ends_the_upstream_connection(open_raw: OpenRaw) -> None:
    async def script(peer: Peer) -> None:
        await peer.request()
        await peer.send(FOREVER)
        await peer.gone()

    gateway, server = await open_raw(script)
    async with gateway.http.get(gateway.url + RELAY, headers=BY_HEADER) as response:
        assert await response.content.readany() == b"first"
        response.close()
    await server.all_gone.wait()
    await until(lambda: answered(gateway))
    assert (finished(gateway).status, finished(gateway).source) == (0, "caller")
    assert exchange(gateway).failure == "cancelled"


@pytest.mark.usefixtures("left_soon")
async def test_a_client_that_hangs_up_before_the_head_ends_the_upstream_connection(open_raw: OpenRaw) -> None:
    gateway, server = await open_raw(silent)
    async with connection(gateway.url) as (_, writer):
        writer.write(b"GET %b HTTP/1.1\r\nHost: x\r\n%b\r\n\r\n" % (RELAY.encode(), HEAD))
        await server.has_opened(1)
    await server.all_gone.wait()
    await until(lambda: answered(gateway))
    assert finished(gateway).status == 0


@pytest.mark.parametrize(
    "start",
    [FOREVER, b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nfirst"],
    ids=["chunked", "with a length"],
)
async def test_an_upstream_that_breaks_off_breaks_the_answer_off(open_raw: OpenRaw, start: bytes) -> None:
    gateway, _ = await open_raw(saying(start))
    async with gateway.http.get(gateway.url + RELAY, headers=BY_HEADER) as response:
        assert response.status == 200
        with pytest.raises(ClientPayloadError):
            await response.read()
    await until(lambda: answered(gateway))
    assert (finished(gateway).code, finished(gateway).status) == (1306201, 200)
    assert exchange(gateway).failure == "the response is not valid HTTP"


async def test_an_upstream_that_falls_silent_is_given_up(open_raw: OpenRaw) -> None:
    async def script(peer: Peer) -> None:
        await peer.request()
        await peer.send(FOREVER)
        await peer.gone()

    gateway, server = await open_raw(script, idle_timeout=20)
    async with gateway.http.get(gateway.url + RELAY, headers=BY_HEADER) as response:
        assert await response.content.readany() == b"first"
        with pytest.raises(ClientPayloadError):
            await late(20, response.read(), server.has_fallen_silent(1))
    await server.all_gone.wait()
    await until(lambda: answered(gateway))
    assert finished(gateway).code == 1306201
    assert exchange(gateway).failure == "Third-party system interface response time exceeds 20 seconds"


async def test_the_deadline_ends_with_the_head(open_raw: OpenRaw) -> None:
    more = asyncio.Event()

    async def script(peer: Peer) -> None:
        await peer.request()
        await peer.send(FOREVER)
        await more.wait()
        await peer.send(b"4\r\nlast\r\n0\r\n\r\n")

    with movable_loop_time() as advance:
        gateway, _ = await open_raw(script, idle_timeout=1000)
        async with gateway.http.get(gateway.url + RELAY, headers=BY_HEADER) as response:
            assert await response.content.readany() == b"first"
            advance(100)
            for _ in range(100):
                await asyncio.sleep(0)
            more.set()
            assert await response.read() == b"last"


async def test_until_the_head_the_deadline_holds(open_raw: OpenRaw) -> None:
    gateway, server = await open_raw(silent, stanza="timeout: 20, ")
    response = await late(20, gateway.request("GET", RELAY, headers=BY_HEADER), server.has_fallen_silent(1))
    envelope = await response.json()
    assert (response.status, envelope["code"]) == (200, 1306201)
    assert "response time exceeds 20 seconds" in envelope["message"]
    await server.all_gone.wait()


async def test_a_client_that_takes_nothing_is_cut_off(open_raw: OpenRaw) -> None:
    async def script(peer: Peer) -> None:
        await peer.request()
        await peer.send(FOREVER)
        while True:
            await peer.send(b"10000\r\n" + bytes(0x10000) + b"\r\n")

    gateway, server = await open_raw(script, idle_timeout=0.2)
    async with connection(gateway.url) as (_, writer):
        writer.write(b"GET %b HTTP/1.1\r\nHost: x\r\n%b\r\n\r\n" % (RELAY.encode(), HEAD))
        await server.has_opened(1)
        await server.all_gone.wait()
    await until(lambda: answered(gateway))
    assert finished(gateway).status == 200


async def test_a_stream_holds_its_place_until_it_ends(open_raw: OpenRaw) -> None:
    more = asyncio.Event()

    async def script(peer: Peer) -> None:
        while await peer.request():
            await peer.send(FOREVER)
            await more.wait()
            await peer.send(b"0\r\n\r\n")

    gateway, _ = await open_raw(script, max_concurrency=1)
    async with gateway.http.get(gateway.url + RELAY, headers=BY_HEADER) as response:
        assert await response.content.readany() == b"first"
        busy = await gateway.request("GET", RELAY, headers=BY_HEADER)
        assert (await busy.json())["code"] == 1306429
        more.set()
        await response.read()
    await until(lambda: len([event for event in gateway.events if isinstance(event, CallFinished)]) == 2)
    async with gateway.http.get(gateway.url + RELAY, headers=BY_HEADER) as response:
        assert await response.read() == b"first"


# Requests


async def test_an_upload_arrives_while_it_is_sent(open_gateway: OpenGateway, upstream: Recorder) -> None:
    arrived: asyncio.Queue[bytes] = asyncio.Queue()

    async def take(request: web.Request) -> web.Response:
        async for chunk in request.content.iter_any():
            arrived.put_nowait(chunk)
        return web.Response(text=f"{request.method} {request.headers['X-Own']}")

    async def body() -> AsyncIterator[bytes]:
        for number in range(3):
            yield b"%d" % number
            assert await arrived.get() == b"%d" % number  # before the next one is sent

    upstream.answer = take
    gateway = await open_gateway(raw(upstream.url))
    response = await gateway.request("PUT", RELAY, data=body(), headers={**BY_HEADER, "X-Own": "x"})
    assert await response.text() == "PUT x"


async def test_an_upload_keeps_its_length_its_type_and_its_packing(
    open_gateway: OpenGateway, upstream: Recorder
) -> None:
    gateway = await open_gateway(raw(upstream.url))
    packed = gzip.compress(b"hello" * 1000, mtime=0)
    headers = {**BY_HEADER, "Content-Type": "text/x-tea", "Content-Encoding": "gzip"}
    await gateway.request("POST", RELAY, data=packed, headers=headers)
    assert upstream.last.body == packed
    seen = upstream.last.headers
    assert (seen["Content-Length"], seen["Content-Type"]) == (str(len(packed)), "text/x-tea")
    assert seen["Content-Encoding"] == "gzip"
    assert "Transfer-Encoding" not in seen


async def test_the_query_passes_with_repeated_names_and_without_what_is_ours(
    open_gateway: OpenGateway, upstream: Recorder
) -> None:
    gateway = await open_gateway(raw(upstream.url, path="/f/{id}/", params='{fixed: "1"}', defaults='{page: "1"}'))
    query = "?a=1&a=2&id=7&bk_token=x&empty=&fixed=9&%C3%BC=%26"
    for method in ("GET", "PUT"):
        await gateway.request(method, URL(RELAY + query, encoded=True).raw_path_qs, headers=BY_HEADER)
        seen = URL(upstream.last.target, encoded=True)
        assert (seen.path, upstream.last.body) == ("/f/7/", b"")
        assert list(seen.query.items()) == [
            *[("a", "1"), ("a", "2"), ("empty", ""), ("ü", "&"), ("page", "1"), ("fixed", "1")]
        ]


async def test_with_credentials_in_the_body_it_is_made_anew(open_gateway: OpenGateway, upstream: Recorder) -> None:
    gateway = await open_gateway(raw(upstream.url))
    headers = {"Content-Type": "text/plain", "Content-MD5": "x", "Accept": "text/csv"}
    response = await gateway.post(json.dumps({**DEMO, "a": 1}).encode(), "demo/relay", headers)
    assert response.status == 200
    assert (upstream.last.body, upstream.last.headers["Content-Type"]) == (b'{"a":1}', "application/json")
    assert "Content-MD5" not in upstream.last.headers
    assert upstream.last.headers["Accept"] == "text/csv"


@pytest.mark.parametrize("announced", [True, False])
async def test_an_upload_over_the_limit_is_refused(
    open_gateway: OpenGateway, upstream: Recorder, announced: bool
) -> None:
    async def body() -> AsyncIterator[bytes]:
        for _ in range(200):
            yield bytes(1000)

    gateway = await open_gateway(raw(upstream.url, stanza="max_body: 100000, "))
    headers = {**BY_HEADER, **({"Content-Length": "200000"} if announced else {})}
    response = await gateway.request("POST", RELAY, data=body(), headers=headers)
    envelope = await response.json()
    assert (response.status, envelope["code"]) == (413, 1306406)
    assert upstream.seen == []


async def test_without_a_limit_the_servers_own_holds_only_for_what_is_read(
    open_gateway: OpenGateway, upstream: Recorder
) -> None:
    stanza = raw(upstream.url, stanza="max_body: null, ")
    gateway = await open_gateway(stanza, more="server: {max_body: 1000}\n")
    await gateway.request("POST", RELAY, data=bytes(5000), headers=BY_HEADER)
    assert len(upstream.last.body) == 5000
    response = await gateway.post({**DEMO, "a": "a" * 5000}, "demo/relay")
    assert response.status == 413


async def test_a_client_that_breaks_its_upload_off_breaks_it_off_upstream(open_raw: OpenRaw) -> None:
    came = asyncio.Event()

    async def script(peer: Peer) -> None:
        await peer.reader.readuntil(b"half")
        came.set()
        await peer.gone()

    gateway, server = await open_raw(script)
    async with connection(gateway.url) as (_, writer):
        writer.write(b"PUT %b HTTP/1.1\r\nHost: x\r\n%b\r\nContent-Length: 8\r\n\r\nhalf" % (RELAY.encode(), HEAD))
        await came.wait()
    await server.all_gone.wait()
    await until(lambda: answered(gateway))
    assert finished(gateway).status == 0


async def test_an_upstream_that_answers_early_need_not_hear_the_rest(open_raw: OpenRaw) -> None:
    async def script(peer: Peer) -> None:
        await peer.reader.readuntil(b"\r\n\r\n")
        await peer.answer(b"enough", "403 Forbidden")
        await peer.gone()

    gateway, server = await open_raw(script)

    async def body() -> AsyncIterator[bytes]:
        yield b"a"
        await server.all_gone.wait()  # nobody reads this any more

    async with gateway.http.put(gateway.url + RELAY, data=body(), headers=BY_HEADER) as response:
        assert (response.status, await response.read()) == (403, b"enough")


async def test_an_upstream_that_does_not_read_slows_the_client_down(open_raw: OpenRaw) -> None:
    begin = asyncio.Event()

    async def script(peer: Peer) -> None:
        await peer.reader.readuntil(b"\r\n\r\n")
        await begin.wait()
        await peer.reader.readuntil(b"end\r\n0\r\n\r\n")
        await peer.answer(b"")

    sent = 0

    async def body() -> AsyncIterator[bytes]:
        nonlocal sent
        for _ in range(400):
            yield bytes(100_000)
            sent += 100_000
        yield b"end"

    gateway, server = await open_raw(script, stanza="max_body: null, ")
    upload = asyncio.create_task(gateway.request("PUT", RELAY, data=body(), headers=BY_HEADER))
    await server.has_opened(1)
    before = -1
    while before != sent:
        before = sent
        for _ in range(1000):
            await asyncio.sleep(0)
    assert sent < 20_000_000  # what socket buffers hold
    begin.set()
    assert (await upload).status == 200


async def test_credentials_that_are_refused_are_refused_before_the_upload(
    open_gateway: OpenGateway, upstream: Recorder
) -> None:
    gateway = await open_gateway(raw(upstream.url))
    wrong = {"X-Bkapi-Authorization": json.dumps({**DEMO, "bk_app_secret": "wrong"})}
    response = await gateway.request("PUT", RELAY, data=bytes(1_000_000), headers=wrong)
    assert (await response.json())["message"].startswith("APP Secret verification failed")
    assert upstream.seen == []


# The gateway's own end


async def test_a_stream_that_outlasts_the_grace_is_cut(open_raw: OpenRaw) -> None:
    async def script(peer: Peer) -> None:
        await peer.request()
        await peer.send(FOREVER)
        await peer.gone()

    gateway, server = await open_raw(script)
    async with gateway.http.get(gateway.url + RELAY, headers=BY_HEADER) as response:
        assert await response.content.readany() == b"first"
        await gateway.app[GATEWAY].drain(0)
        with pytest.raises(ClientPayloadError):
            await response.read()
    await server.all_gone.wait()
    assert finished(gateway).status == 0


@pytest.mark.parametrize("whole", [True, False])
async def test_an_old_client_can_tell_a_whole_answer_from_a_broken_one(open_raw: OpenRaw, whole: bool) -> None:
    gateway, _ = await open_raw(saying(FOREVER + (b"0\r\n\r\n" if whole else b"")))
    async with connection(gateway.url) as (reader, writer):
        writer.write(b"GET %b HTTP/1.0\r\nHost: x\r\n%b\r\n\r\n" % (RELAY.encode(), HEAD))
        if whole:
            head, _, body = (await reader.read()).partition(b"\r\n\r\n")
            assert b"chunked" not in head.lower()
            assert body == b"first"
        else:
            with pytest.raises(ConnectionResetError):
                await reader.read()

"""The choice of an engine, and what each can do beyond the tests of both in test_client.py."""

import asyncio
import gc
import gzip
import socket
import ssl
import zlib
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack, contextmanager
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest
from multidict import CIMultiDict

from esb.config import Server, load
from esb.gateway import outgoing_engine
from esb.outgoing.client import Tls
from esb.outgoing.engine import Answer, Engine, ExchangeError, NoConnection, OutOfTime, Request, RequestKind
from esb.outgoing.engines import httptools
from esb.outgoing.engines.aiohttp import AiohttpEngine
from esb.outgoing.engines.connection import MOST_MEMBERS, Connection
from esb.outgoing.engines.connector import Connector
from esb.outgoing.engines.httptools import HttptoolsEngine, HttptoolsPreparedRequest
from tests.support.certificates import Authority
from tests.support.engines import ENGINES, needs_httptools
from tests.support.loop_time import movable_loop_time, turns
from tests.support.servers.raw_server import Peer, RawServer, Script, answering, raw_server, saying

OpenRaw = Callable[..., Any]
NO_HEADERS: Mapping[str, str] = {}


@pytest.fixture(params=ENGINES)
async def engine(request: pytest.FixtureRequest) -> AsyncIterator[Engine]:
    made: Engine = request.param()
    made.open()
    yield made
    await made.close()


@pytest.fixture
def open_raw(opened: AsyncExitStack) -> OpenRaw:
    async def open_one(script: Script, context: ssl.SSLContext | None = None) -> RawServer:
        return await opened.enter_async_context(raw_server(script, context))

    return open_one


async def answer_of(
    engine: Engine,
    url: str,
    method: str = "POST",
    *,
    headers: Mapping[str, str] = NO_HEADERS,
    body: bytes | None = b"{}",
    tls: Tls | None = None,
    guarded: bool = False,
) -> Answer:
    return await engine.prepare(RequestKind(method, url, guarded, tuple(headers), tls=tls)).fetch(headers, body, 20.0)


async def fetched(engine: Engine, url: str, method: str = "POST", **more: Any) -> tuple[int, bytes]:
    answer = await answer_of(engine, url, method, **more)
    return answer.status, answer.body


# Answers


@pytest.mark.parametrize("status", ["204 No Content", "304 Not Modified"])
async def test_an_answer_without_a_body_ends_with_its_head(engine: Engine, open_raw: OpenRaw, status: str) -> None:
    async def script(peer: Peer) -> None:
        while await peer.request():
            await peer.send(f"HTTP/1.1 {status}\r\nETag: a\r\n\r\n".encode())

    server = await open_raw(script)
    for _ in range(2):
        assert await fetched(engine, server.url) == (int(status[:3]), b"")
    assert server.opened == 1


async def test_a_cookie_of_one_answer_goes_along_with_no_other_request(engine: Engine, open_raw: OpenRaw) -> None:
    asked: list[bytes] = []

    async def script(peer: Peer) -> None:
        while request := await peer.request():
            asked.append(request)
            await peer.answer(b"{}", headers="Set-Cookie: session=of-somebody; Path=/\r\n")

    server = await open_raw(script)
    url = server.url.replace("127.0.0.1", "localhost")  # to an address a jar would send none
    for _ in range(2):
        await fetched(engine, url)
        async with engine.stream(Request("GET", url, {}, None, 5.0, guarded=False)):
            pass
    assert len(asked) == 4
    assert not any(b"of-somebody" in request for request in asked)


async def test_a_streamed_request_has_no_header_that_nobody_gave_it(engine: Engine, open_raw: OpenRaw) -> None:
    async def show(peer: Peer) -> None:
        await peer.answer(await peer.request())

    server = await open_raw(show)
    async with engine.stream(Request("GET", server.url, {}, None, 5.0, guarded=False)) as streamed:
        head = b"".join([piece async for piece in streamed.chunks()])
    host = server.url.removeprefix("http://")
    assert head.decode() == f"GET / HTTP/1.1\r\nHost: {host}\r\nUser-Agent: esb-gateway\r\n\r\n"


@pytest.mark.parametrize(
    "pieces",
    [
        [b"HTTP/1.1 204 No Content\r\n\r\n0\r\n\r\n"],
        [b"HTTP/1.1 2", b"04 No Content\r\n\r\n0\r\n\r\n"],
        [b"HTTP/1.1 204 No Content\r\n", b"X-A: 1234200\r\n\r\n0\r\n\r\n"],
        [b"HTTP/1.1 204 No Content\r\nTransfer-Encoding: chunked\r\n\r\n", b"0\r\n\r\n"],
    ],
    ids=["at once", "cut in the status", "cut in the head", "announced"],
)
async def test_what_comes_behind_an_answer_without_a_body_is_not_the_next_answer(
    engine: Engine, open_raw: OpenRaw, pieces: list[bytes]
) -> None:
    async def script(peer: Peer) -> None:
        while await peer.request():
            for piece in pieces:
                await peer.send(piece)
                await turns(20)

    server = await open_raw(script)
    for _ in range(2):
        assert await fetched(engine, server.url) == (204, b"")
    assert server.opened == 2


async def test_a_body_of_no_announced_length_ends_with_the_connection(engine: Engine, open_raw: OpenRaw) -> None:
    server = await open_raw(saying(b"HTTP/1.0 200 OK\r\n\r\nall of it"))
    assert await fetched(engine, server.url) == (200, b"all of it")


async def test_chunks_with_extensions_and_trailers_are_read(engine: Engine, open_raw: OpenRaw) -> None:
    head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
    raw = head + b"3;a=b\r\nall\r\n4\r\n of \r\n2\r\nit\r\n0\r\nX-T: 1\r\n\r\n"
    answer = await answer_of(engine, (await open_raw(saying(raw))).url)
    assert (answer.body, answer.headers.get("X-T")) == (b"all of it", None)


async def test_a_head_has_no_body_however_long_it_would_be(engine: Engine, open_raw: OpenRaw) -> None:
    server = await open_raw(saying(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n"))
    assert await fetched(engine, server.url, "HEAD", body=None) == (200, b"")


@pytest.mark.parametrize(
    "head",
    [b"X-Long: " + b"x" * 100_000, b"\r\n".join(b"X-%d: a" % number for number in range(1000))],
    ids=["long", "many"],
)
async def test_a_head_beyond_all_measure_is_no_answer(engine: Engine, open_raw: OpenRaw, head: bytes) -> None:
    server = await open_raw(saying(b"HTTP/1.1 200 OK\r\n" + head + b"\r\nContent-Length: 0\r\n\r\n"))
    with pytest.raises(ExchangeError) as caught:
        await answer_of(engine, server.url)
    assert caught.value.sent


@pytest.mark.parametrize(("number", "good"), [(127, True), (128, False)])
async def test_a_head_has_at_most_128_headers_however_short(
    engine: Engine, open_raw: OpenRaw, number: int, good: bool
) -> None:
    short = b"".join(b"A%d: b\r\n" % each for each in range(number))
    server = await open_raw(saying(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n" + short + b"\r\n{}"))
    (ended,) = await asyncio.gather(answer_of(engine, server.url), return_exceptions=True)
    assert isinstance(ended, Answer) is good
    assert good or isinstance(ended, ExchangeError)


@pytest.mark.parametrize(("length", "good"), [(8190, True), (8191, False)])
async def test_a_header_has_at_most_8190_bytes(engine: Engine, open_raw: OpenRaw, length: int, good: bool) -> None:
    server = await open_raw(answering(b"{}", headers=f"X-A: {'x' * length}\r\n"))
    (ended,) = await asyncio.gather(answer_of(engine, server.url), return_exceptions=True)
    assert isinstance(ended, Answer) is good
    assert good or isinstance(ended, ExchangeError)


@needs_httptools
@pytest.mark.parametrize(("size", "good"), [(64 * 1024 - 30, True), (64 * 1024 + 30, False)])
async def test_a_head_without_end_has_at_most_64_kib(open_raw: OpenRaw, size: int, good: bool) -> None:
    async def script(peer: Peer) -> None:
        await peer.request()
        beginning = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n" + 15 * (b"X-A: " + b"a" * 4089 + b"\r\n")
        await peer.send(beginning + b"X-B: " + b"b" * (size - len(beginning) - 7) + b"\r\n")
        await turns(20)
        if good:
            await peer.send(b"\r\n{}")
        await peer.gone()

    server = await open_raw(script)
    engine = HttptoolsEngine()
    engine.open()
    (ended,) = await asyncio.gather(answer_of(engine, server.url), return_exceptions=True)
    await engine.close()
    assert isinstance(ended, Answer) is good
    assert good or (isinstance(ended, ExchangeError) and not isinstance(ended, OutOfTime))


@pytest.mark.parametrize(
    "pieces",
    [
        [b"X-A: a", b"\0\r\nContent-Length: 0\r\n\r\n"],
        [b"X-A: a\0b\r\nContent-Length: 0\r\n\r\n"],
        [b"Transfer-Encoding: chunked\r\nConnection: close\r\n\r\n", b"2\r\n{}\r\n"],
        [b"Transfer-Encoding: gzip, Chunked\r\nConnection: close\r\n\r\n", b"2\r\n{}\r\n"],
    ],
    ids=["a null in a second piece", "a null", "no last chunk before a close", "nor of something packed"],
)
async def test_a_head_or_body_that_is_not_sound_is_no_answer(
    engine: Engine, open_raw: OpenRaw, pieces: list[bytes]
) -> None:
    async def script(peer: Peer) -> None:
        await peer.request()
        await peer.send(b"HTTP/1.1 200 OK\r\n")
        for piece in pieces:
            await turns(20)  # or else the pieces come as one
            await peer.send(piece)

    with pytest.raises(ExchangeError) as caught:
        await answer_of(engine, (await open_raw(script)).url)
    assert caught.value.sent


@pytest.mark.parametrize(
    "rest",
    [b"Transfer-Encoding: chunked\r\n\r\nno chunk\r\n", b"Content-Length: 2\r\n\r\n{}"],
    ids=["in its body, too", "in its head alone"],
)
async def test_an_answer_that_is_not_sound_is_no_complaint_of_the_loop(
    engine: Engine, open_raw: OpenRaw, rest: bytes
) -> None:
    complaints: list[object] = []
    asyncio.get_running_loop().set_exception_handler(lambda loop, context: complaints.append(context))
    server = await open_raw(saying(b"HTTP/1.1 200 OK\r\nX-A: a\0b\r\n" + rest))
    with pytest.raises(ExchangeError):
        await answer_of(engine, server.url)
    await asyncio.wait_for(server.all_gone.wait(), 10)
    assert complaints == []


async def test_whoever_leaves_in_the_middle_of_a_body_is_no_complaint_of_the_loop(
    engine: Engine, open_raw: OpenRaw
) -> None:
    complaints: list[object] = []
    asyncio.get_running_loop().set_exception_handler(lambda loop, context: complaints.append(context))

    async def script(peer: Peer) -> None:
        await peer.request()
        await peer.send(b"HTTP/1.0 200 OK\r\n\r\nnot all")
        await peer.gone()

    server = await open_raw(script)
    asking = asyncio.ensure_future(answer_of(engine, server.url))
    await server.has_fallen_silent(1)
    await turns(20)
    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking
    await asyncio.wait_for(server.all_gone.wait(), 10)
    assert complaints == []


async def test_the_headers_are_those_of_the_answer_and_not_of_the_news_before_it(
    engine: Engine, open_raw: OpenRaw
) -> None:
    async def script(peer: Peer) -> None:
        while await peer.request():
            await peer.send(b"HTTP/1.1 103 Early Hints\r\nX-A: early\r\n\r\n")
            await turns(20)  # or else the two come as one
            await peer.answer(b"{}", headers="X-A: last\r\n")

    server = await open_raw(script)
    for _ in range(2):
        answer = await answer_of(engine, server.url)
        assert (answer.status, answer.body, answer.headers.getall("X-A")) == (200, b"{}", ["last"])
    assert server.opened == 1


async def test_a_body_in_another_coding_than_chunks_ends_with_the_connection(engine: Engine, open_raw: OpenRaw) -> None:
    raw = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: identity\r\nConnection: close\r\n\r\nall of it"
    assert await fetched(engine, (await open_raw(saying(raw))).url) == (200, b"all of it")


async def test_a_head_without_end_is_given_up(engine: Engine, open_raw: OpenRaw) -> None:
    async def endless(peer: Peer) -> None:
        await peer.request()
        await peer.send(b"HTTP/1.1 200 OK\r\n")
        while True:
            await peer.send(b"X-A: " + b"a" * 1000 + b"\r\n")

    server = await open_raw(endless)
    async with asyncio.timeout(120):
        with pytest.raises(ExchangeError):
            await answer_of(engine, server.url)
        await server.all_gone.wait()


async def test_an_answer_may_come_before_all_of_the_body_is_sent(engine: Engine, open_raw: OpenRaw) -> None:
    async def refuse(peer: Peer) -> None:
        await peer.reader.readuntil(b"\r\n\r\n")
        await peer.send(b"HTTP/1.1 413 Too Large\r\nContent-Length: 2\r\n\r\nno")
        await peer.gone()

    server = await open_raw(refuse)
    assert await fetched(engine, server.url, body=b"x" * 2**23) == (413, b"no")
    await asyncio.wait_for(server.all_gone.wait(), 10)  # nobody knows what is still on its way


@pytest.mark.parametrize("whole", [True, False])
async def test_a_stream_leaves_its_connection_to_others_if_both_bodies_came_to_their_end(
    engine: Engine, open_raw: OpenRaw, whole: bool
) -> None:
    never = asyncio.Event()

    async def upload() -> AsyncIterator[bytes]:
        yield b"a"
        if not whole:
            await never.wait()

    async def script(peer: Peer) -> None:
        while True:
            try:
                await peer.reader.readuntil(b"0\r\n\r\n" if whole else b"1\r\na\r\n")
            except asyncio.IncompleteReadError:
                return
            await peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nno")

    server = await open_raw(script)
    for _ in range(2):
        request = Request("POST", server.url, {}, upload(), 5.0, guarded=False)
        async with engine.stream(request) as streamed:
            assert b"".join([piece async for piece in streamed.chunks()]) == b"no"
    assert server.opened == (1 if whole else 2)


async def test_bytes_of_another_protocol_pass_both_ways_until_the_tunnel_is_closed(
    engine: Engine, open_raw: OpenRaw
) -> None:
    async def script(peer: Peer) -> None:
        await peer.request()
        await peer.send(b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n")
        await peer.send(await peer.reader.readexactly(5))
        await peer.gone()

    server = await open_raw(script)
    request = Request("GET", server.url, {"Connection": "Upgrade", "Upgrade": "x"}, None, 5.0, guarded=False)
    async with engine.stream(request) as streamed:
        tunnel = streamed.tunnel()
        tunnel.put(b"hello")
        assert await tunnel.read() == b"hello"
        tunnel.close()
        with pytest.raises(ConnectionError):
            tunnel.put(b"too late")
        await server.all_gone.wait()
        assert await tunnel.read() == b""


async def test_a_large_body_arrives_whole(engine: Engine, open_raw: OpenRaw) -> None:
    async def count(peer: Peer) -> None:
        request = await peer.request()
        await peer.answer(b"%d" % len(request.partition(b"\r\n\r\n")[2]))

    server = await open_raw(count)
    assert await fetched(engine, server.url, body=b"x" * (3 * 2**20)) == (200, b"%d" % (3 * 2**20))


# Hosts and their addresses


@contextmanager
def leading_to(server: RawServer, *addresses: str) -> Iterator[list[str]]:
    """Let every name have these addresses, and all of them lead to this server. Yields those that were connected to."""
    loop = asyncio.get_running_loop()
    create = loop.create_connection
    tried: list[str] = []

    async def resolve(self: Any, host: str, port: int = 0, family: Any = socket.AF_INET) -> list[dict[str, Any]]:
        assert isinstance(host, str)
        families = [socket.AF_INET6 if ":" in address else socket.AF_INET for address in addresses]
        return [
            {"hostname": host, "host": address, "port": port, "family": its_own, "proto": 0, "flags": 0}
            for address, its_own in zip(addresses, families, strict=True)
            if family in {its_own, socket.AF_UNSPEC}
        ]

    async def start(addr_infos: Sequence[Any], **options: Any) -> socket.socket:
        tried.extend(info[4][0] for info in addr_infos)
        opened = socket.socket()
        opened.setblocking(False)
        await loop.sock_connect(opened, ("127.0.0.1", server.port))
        return opened

    async def connect(make: Any, host: str | None = None, port: int | None = None, **options: Any) -> Any:
        if host is None:
            return await create(make, **options)
        tried.append(host)
        return await create(make, "127.0.0.1", server.port, **options)

    with (
        patch("aiohttp.ThreadedResolver.resolve", resolve),
        patch("aiohappyeyeballs.start_connection", start),
        patch.object(loop, "create_connection", connect),
    ):
        yield tried


@pytest.mark.parametrize(
    ("address", "host"),
    [
        ("http://a.example", "a.example"),
        ("http://a.example:80", "a.example"),
        ("http://a.example:443", "a.example:443"),
        ("http://a.example:8080", "a.example:8080"),
        ("http://[2001:db8::1]", "[2001:db8::1]"),
        ("http://[2001:db8::1]:8080", "[2001:db8::1]:8080"),
    ],
)
async def test_the_host_is_told_with_its_port_unless_that_is_the_usual_one(
    engine: Engine, open_raw: OpenRaw, address: str, host: str
) -> None:
    heads: list[bytes] = []

    async def take(peer: Peer) -> None:
        while head := await peer.request():
            heads.append(head)
            await peer.answer(b"{}")

    server = await open_raw(take)
    with leading_to(server, "192.0.2.1", "192.0.2.2"):
        await fetched(engine, f"{address}/a")
        await fetched(engine, address)
    assert all(f"\r\nHost: {host}\r\n".encode() in head for head in heads)
    assert [head.partition(b"\r\n")[0] for head in heads] == [b"POST /a HTTP/1.1", b"POST / HTTP/1.1"]


async def test_of_a_names_addresses_only_those_that_are_allowed_are_tried(engine: Engine, open_raw: OpenRaw) -> None:
    server = await open_raw(answering(b"{}"))
    addresses = ("169.254.169.254", "192.0.2.1", "fe80::1", "192.0.2.2")
    with leading_to(server, *addresses) as tried:
        await fetched(engine, "http://a.example/", guarded=True)
        assert set(tried) == {"192.0.2.1", "192.0.2.2"}
        tried.clear()
        await fetched(engine, "http://a.example/")  # over a connection of its own, to an address of its own
        assert set(tried) == set(addresses)
        await fetched(engine, "http://a.example/", guarded=True)
    assert server.opened == 2


async def test_a_name_with_none_but_refused_addresses_is_refused(engine: Engine, open_raw: OpenRaw) -> None:
    server = await open_raw(answering(b"{}"))
    with leading_to(server, "169.254.169.254", "fe80::1") as tried:
        (ended,) = await asyncio.gather(answer_of(engine, "http://a.example/", guarded=True), return_exceptions=True)
    assert isinstance(ended, ExchangeError)
    assert (str(ended), ended.sent) == ("its address is link-local or a cloud's metadata, and refused", False)
    assert (tried, server.opened) == ([], 0)


@needs_httptools
@pytest.mark.parametrize(
    ("coding", "body", "good"),
    [
        ("gzip", gzip.compress(b"{}", mtime=0)[:-4], True),
        ("deflate", zlib.compress(b"{}"), True),
        ("deflate", zlib.compress(b"{}")[2:-4], True),
        ("deflate", zlib.compress(b"{}")[:-4], False),
        ("gzip", b"{}", False),
        ("deflate", b"", True),
    ],
    ids=["gzip without its end", "deflate", "deflate without a frame", "deflate without its end", "no gzip", "nothing"],
)
async def test_a_packed_answer_is_read_as_aiohttp_reads_it(
    open_raw: OpenRaw, coding: str, body: bytes, good: bool
) -> None:
    engine = HttptoolsEngine()
    engine.open()
    server = await open_raw(answering(body, headers=f"Content-Encoding: {coding}\r\n"))
    (ended,) = await asyncio.gather(answer_of(engine, server.url), return_exceptions=True)
    expected = b"{}" if body else b""
    assert (ended.body if isinstance(ended, Answer) else str(ended)) == (
        expected if good else "the response is not valid HTTP"
    )
    await engine.close()


@pytest.mark.parametrize(
    "raw",
    [
        b"HTTP/1.1 200 OK\r\nX-A: a\x01b\r\nContent-Length: 2\r\n\r\n{}",
        b"HTTP/1.1 200 OK\nX-A: a\x01b\nContent-Length: 2\n\n{}",
        b"HTTP/1.1 200 OK\r\nX-A: a\x01b\r\nTransfer-Encoding: chunked\r\n\r\n2  \r\n{}\r\n0\r\n\r\n",
    ],
    ids=["a control character", "lines that end without a return", "spaces behind a size"],
)
async def test_small_sins_of_servers_are_forgiven(engine: Engine, open_raw: OpenRaw, raw: bytes) -> None:
    answer = await answer_of(engine, (await open_raw(saying(raw))).url)
    assert (answer.status, answer.body, answer.headers["X-A"]) == (200, b"{}", "a\x01b")


async def test_a_stream_may_last_as_long_as_it_goes_on(engine: Engine, open_raw: OpenRaw) -> None:
    goes_on = asyncio.Event()

    async def script(peer: Peer) -> None:
        await peer.request()
        await peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: 11\r\n\r\nfirst,")
        await goes_on.wait()
        await peer.send(b"last.")

    server = await open_raw(script)
    with movable_loop_time() as advance:
        async with engine.stream(Request("GET", server.url, {}, None, 5.0, guarded=False)) as streamed:
            pieces = streamed.chunks()
            assert await anext(pieces) == b"first,"
            advance(1000)
            await turns(20)
            goes_on.set()
            assert [piece async for piece in pieces] == [b"last."]


async def test_the_case_of_a_coding_does_not_matter(engine: Engine, open_raw: OpenRaw) -> None:
    server = await open_raw(answering(gzip.compress(b"{}", mtime=0), headers="Content-Encoding: GZip \r\n"))
    assert await fetched(engine, server.url) == (200, b"{}")


@pytest.mark.parametrize("number", [1, 2, MOST_MEMBERS])
async def test_a_packed_answer_may_have_several_members(engine: Engine, open_raw: OpenRaw, number: int) -> None:
    packed = gzip.compress(bytes(100), mtime=0) * number
    server = await open_raw(answering(packed, headers="Content-Encoding: gzip\r\n"))
    assert await fetched(engine, server.url) == (200, bytes(100 * number))


@needs_httptools
async def test_a_packed_answer_has_not_members_without_end(open_raw: OpenRaw) -> None:
    engine = HttptoolsEngine()
    engine.open()
    packed = gzip.compress(b"", mtime=0) * (MOST_MEMBERS + 1)
    server = await open_raw(answering(packed, headers="Content-Encoding: gzip\r\n"))
    with pytest.raises(ExchangeError, match="the response is too large"):
        await answer_of(engine, server.url)
    await engine.close()


# Connections


async def test_a_connection_that_the_server_will_close_is_not_used_again(engine: Engine, open_raw: OpenRaw) -> None:
    async def closing(peer: Peer) -> None:
        await peer.request()
        await peer.answer(b"{}", headers="Connection: close\r\n")
        await peer.gone()  # it says so, and leaves it to us

    server = await open_raw(closing)
    for number in range(1, 3):
        assert await fetched(engine, server.url) == (200, b"{}")
        await asyncio.wait_for(server.all_gone.wait(), 10)
        assert server.opened == number


async def test_after_an_answer_that_is_no_http_the_connection_is_closed(engine: Engine, open_raw: OpenRaw) -> None:
    async def babbling(peer: Peer) -> None:
        await peer.request()
        await peer.send(b"SSH-2.0-OpenSSH_9.2\r\n")
        await peer.gone()

    server = await open_raw(babbling)
    with pytest.raises(ExchangeError):
        await answer_of(engine, server.url)
    await asyncio.wait_for(server.all_gone.wait(), 10)


async def test_a_get_whose_kept_connection_was_closed_is_asked_anew(engine: Engine, open_raw: OpenRaw) -> None:
    async def closes_on_the_second(peer: Peer) -> None:
        await peer.request()
        await peer.answer(b"{}")
        await peer.request()

    server = await open_raw(closes_on_the_second)
    for _ in range(3):
        assert await fetched(engine, server.url, "GET", body=None) == (200, b"{}")
    assert server.opened == 3


async def test_a_connection_over_which_nobody_was_asked_is_not_used_again(engine: Engine, open_raw: OpenRaw) -> None:
    async def talkative(peer: Peer) -> None:
        await peer.request()
        await peer.answer(b"{}")
        await peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nforged")
        await peer.gone()

    server = await open_raw(talkative)
    for number in range(3):
        assert await fetched(engine, server.url) == (200, b"{}")
        await server.has_opened(number + 1)
        await turns(20)  # until what nobody asked for is here
    assert server.opened == 3


async def test_an_idle_connection_is_closed_in_the_end(
    engine: Engine, open_raw: OpenRaw, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = await open_raw(answering(b"{}"))
    loop = asyncio.get_running_loop()
    monkeypatch.setattr("aiohttp.connector.monotonic", lambda: loop.time())  # where it looks, woken by the loop's time
    with movable_loop_time() as advance:
        prepared = engine.prepare(RequestKind("POST", server.url, guarded=False))  # kept, as the client keeps it
        for number in (1, 2):
            await prepared.fetch(NO_HEADERS, b"{}", 20.0)
            for _ in range(4):
                advance(10)
                await turns()
            await asyncio.wait_for(server.all_gone.wait(), 10)
            assert server.opened == number


@needs_httptools
async def test_each_exchange_has_its_time_though_the_one_before_was_over_long_ago(open_raw: OpenRaw) -> None:
    async def script(peer: Peer) -> None:
        await peer.request()
        await peer.answer(b"{}")
        await peer.request()
        await peer.gone()

    engine = HttptoolsEngine()
    engine.open()
    server = await open_raw(script)
    request = engine.prepare(RequestKind("POST", server.url, guarded=False))
    with movable_loop_time() as advance:
        await request.fetch({}, b"{}", 5.0)
        advance(5.5)
        await turns(20)
        second = asyncio.ensure_future(request.fetch({}, b"{}", 5.0))
        await server.has_fallen_silent(1)
        advance(5.5)
        with pytest.raises(OutOfTime):
            await second
    assert server.opened == 1
    await engine.close()


@needs_httptools
async def test_a_connection_that_came_too_late_is_closed(open_raw: OpenRaw) -> None:
    engine = HttptoolsEngine()
    engine.open()
    server = await open_raw(Peer.gone)
    connect = Connector.connect
    with movable_loop_time() as advance:

        async def connect_late(*details: Any) -> Connection:
            connection = await connect(*details)
            advance(30)
            return connection

        with patch.object(Connector, "connect", connect_late), pytest.raises(OutOfTime):
            await fetched(engine, server.url)
    await server.all_gone.wait()
    await engine.close()


@needs_httptools
async def test_a_connection_that_was_idle_for_too_long_is_closed_by_who_finds_it(open_raw: OpenRaw) -> None:
    engine = HttptoolsEngine()
    engine.open()
    server = await open_raw(answering(b"{}"))
    with movable_loop_time() as advance:
        await fetched(engine, server.url)
        advance(14.9)
        await fetched(engine, server.url)
        assert server.opened == 1
        advance(15.1)
        await fetched(engine, server.url)
        await turns(20)
    assert (server.opened, server.open) == (2, 1)
    await engine.close()


@needs_httptools
async def test_a_connection_is_closed_soon_after_it_has_been_idle_for_15_seconds(open_raw: OpenRaw) -> None:
    engine = HttptoolsEngine()
    engine.open()
    server = await open_raw(answering(b"{}"))
    prepared = engine.prepare(RequestKind("POST", server.url, guarded=False))
    with movable_loop_time() as advance:
        for seconds in (0, 10, 6):  # the first look is due in between
            advance(seconds)
            await turns()
            await prepared.fetch(NO_HEADERS, b"{}", 20.0)
        for _ in range(4):
            advance(5.1)
            await turns()
        await asyncio.wait_for(server.all_gone.wait(), 10)
    assert server.opened == 1
    assert engine._origins is not None
    assert len(engine._origins._known) == 1
    del prepared
    gc.collect()
    assert len(engine._origins._known) == 0  # nothing is left of a server that nobody asks any more
    await engine.close()


@needs_httptools
async def test_a_connection_has_its_time_and_what_the_loop_was_held_up_is_given_back(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    loop = asyncio.get_running_loop()

    async def never(*where: Any, **options: Any) -> None:
        await asyncio.Event().wait()

    monkeypatch.setattr(loop, "create_connection", never)
    engine = HttptoolsEngine()
    engine.open()
    prepared = engine.prepare(RequestKind("POST", "http://192.0.2.1/", guarded=False))
    now = loop.time()
    with patch.object(loop, "time", lambda: now):  # it stands still, however slow this machine is
        for steps, done in (((4.45, 0.06), [False, True]), ((5.0, 0.4, 0.15), [False, False, True]), ((10.0,), [True])):
            asking = asyncio.ensure_future(prepared.fetch(NO_HEADERS, b"{}", 5.0))  # 4.5 of it for the connection
            await turns()
            found = []
            for step in steps:
                now += step
                await turns(20)
                found.append(asking.done())
            assert found == done
            with pytest.raises(NoConnection, match="in time"):
                await asking
    await engine.close()


@needs_httptools
async def test_closing_ends_the_search_for_a_name(monkeypatch: pytest.MonkeyPatch) -> None:
    begun, ended = asyncio.Event(), asyncio.Event()

    async def resolve(*name: Any, **options: Any) -> None:
        begun.set()
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()

    monkeypatch.setattr("aiohttp.ThreadedResolver.resolve", resolve)
    engine = HttptoolsEngine()
    engine.open()
    asking = asyncio.ensure_future(answer_of(engine, "http://a.example/"))
    await begun.wait()
    asking.cancel()
    await asyncio.gather(asking, return_exceptions=True)
    assert not ended.is_set()  # others may ask for the same name
    await engine.close()
    assert ended.is_set()


@needs_httptools
async def test_a_name_is_resolved_again_after_30_seconds(open_raw: OpenRaw, monkeypatch: pytest.MonkeyPatch) -> None:
    engine = HttptoolsEngine()
    engine.open()
    closing = answering(b"{}", headers="Connection: close\r\n")
    first, second = await open_raw(closing), await open_raw(closing)
    with movable_loop_time() as advance:
        for leads_to, seconds in ((first, 0), (second, 29), (second, 2)):
            advance(seconds)
            with leading_to(leads_to, f"127.0.0.{2 if leads_to is first else 3}") as tried:
                await fetched(engine, "http://a.example/")
            assert tried == [f"127.0.0.{3 if seconds == 2 else 2}"]
    await engine.close()


async def test_a_thousand_requests_go_out_at_once(engine: Engine, open_raw: OpenRaw) -> None:
    arrived = 0
    all_here = asyncio.Event()

    async def script(peer: Peer) -> None:
        nonlocal arrived
        while await peer.request():
            arrived += 1
            if arrived == 1000:
                all_here.set()
            await all_here.wait()
            await peer.answer(b"{}")

    server = await open_raw(script)
    with movable_loop_time():  # nobody is late, however long it takes to open so many connections
        answers = await asyncio.gather(*(fetched(engine, server.url) for _ in range(1000)))
    assert answers == [(200, b"{}")] * 1000


async def test_names_are_resolved_and_every_address_is_tried(engine: Engine, open_raw: OpenRaw) -> None:
    server = await open_raw(answering(b"{}"))  # listens on 127.0.0.1 alone, localhost may be ::1 too
    assert await fetched(engine, f"http://localhost:{server.port}/a?b=c") == (200, b"{}")


async def test_a_fragment_and_a_user_in_the_address_do_no_harm(engine: Engine, open_raw: OpenRaw) -> None:
    lines: list[bytes] = []

    async def take(peer: Peer) -> None:
        lines.append(await peer.request())
        await peer.answer(b"{}")

    server = await open_raw(take)
    await fetched(engine, f"http://user:word@127.0.0.1:{server.port}/a#part")
    assert lines[0].startswith(b"POST /a HTTP/1.1\r\n")
    assert b"Authorization: Basic dXNlcjp3b3Jk\r\n" in lines[0]


async def test_percent_signs_and_sizes_arrive_as_they_are(engine: Engine, open_raw: OpenRaw) -> None:
    requests: list[bytes] = []

    async def take(peer: Peer) -> None:
        while request := await peer.request():
            requests.append(request)
            await peer.answer(b"{}")

    server = await open_raw(take)
    headers = {"X-%s%d": "%s %(a)s 100%"}
    for body in (b"", b"%s", None):
        await fetched(engine, f"{server.url}/%E4%BD%A0?a=%25s%d", body=body, headers=headers)
    assert [request.partition(b"\r\n")[0] for request in requests] == [b"POST /%E4%BD%A0?a=%25s%d HTTP/1.1"] * 3
    assert all(b"\r\nX-%s%d: %s %(a)s 100%\r\n" in request for request in requests)
    sizes = [request.lower().partition(b"content-length: ")[2].partition(b"\r")[0] for request in requests]
    assert sizes == [b"0", b"2", b"0"]
    assert [request.partition(b"\r\n\r\n")[2] for request in requests] == [b"", b"%s", b""]


@pytest.mark.parametrize("method", ["GET", "POST", "PUT"])
@pytest.mark.parametrize("body", [None, b"{}", b"x" * 100_000, b"x" * 2**21], ids=["none", "short", "long", "large"])
async def test_what_a_body_is_stays_open_unless_a_header_tells_it(
    engine: Engine, open_raw: OpenRaw, method: str, body: bytes | None
) -> None:
    heads: list[bytes] = []

    async def take(peer: Peer) -> None:
        while request := await peer.request():
            head, _, rest = request.partition(b"\r\n\r\n")
            heads.append(head.lower())
            await peer.answer(b"%d" % len(rest))

    server = await open_raw(take)
    for headers in ({}, {"Content-Type": "text/plain"}):
        assert await fetched(engine, server.url, method, headers=headers, body=body) == (200, b"%d" % len(body or b""))
    assert [head.count(b"content-type:") for head in heads] == [0, 1]
    assert b"content-type: text/plain" in heads[1]


@needs_httptools
@pytest.mark.parametrize(
    ("method", "told"), [("GET", 0), ("DELETE", 0), ("OPTIONS", 0), ("POST", 1), ("PUT", 1), ("PATCH", 1)]
)
async def test_a_request_that_never_has_a_body_tells_no_length_of_none(
    open_raw: OpenRaw, method: str, told: int
) -> None:
    heads: list[bytes] = []

    async def take(peer: Peer) -> None:
        heads.append((await peer.request()).lower())
        await peer.answer(b"{}")

    engine = HttptoolsEngine()
    engine.open()
    await fetched(engine, (await open_raw(take)).url, method, body=None)
    assert heads[0].count(b"content-length: 0") == heads[0].count(b"content-length") == told
    await engine.close()


async def test_a_streamed_request_has_each_of_several_headers_of_one_name(engine: Engine, open_raw: OpenRaw) -> None:
    heads: list[bytes] = []

    async def script(peer: Peer) -> None:
        heads.append(await peer.request())
        await peer.answer(b"")

    server = await open_raw(script)
    headers = CIMultiDict([("X-A", "1"), ("x-a", "2"), ("X-B", "3"), ("X-a", "4")])
    async with engine.stream(Request("GET", server.url, headers, None, 5.0, guarded=False)):
        pass
    assert [line for line in heads[0].split(b"\r\n") if line.startswith(b"X-")] == [
        *(b"X-A: 1", b"X-A: 2", b"X-B: 3", b"X-A: 4"),
    ]


@pytest.mark.parametrize(
    "header", ["Host", "Connection", "Transfer-Encoding", "Accept", "User-Agent", "Accept-Encoding"]
)
async def test_no_header_is_sent_twice(engine: Engine, open_raw: OpenRaw, header: str) -> None:
    heads: list[bytes] = []

    async def take(peer: Peer) -> None:
        heads.append((await peer.reader.readuntil(b"\r\n\r\n")).lower())
        await peer.answer(b"{}")

    server = await open_raw(take)
    value = "chunked" if header == "Transfer-Encoding" else "example"
    await fetched(engine, server.url, headers={header: value}, body=None)
    assert heads[0].count(f"\r\n{header.lower()}:".encode()) == 1


@pytest.mark.parametrize(
    ("url", "headers"),
    [
        ("http://127.0.0.1:{}/a b", {}),
        ("http://127.0.0.1:{}/a\r\nX-Injected: b", {}),
        ("http://127.0.0.1:{}/", {"X-A": "a\nX-Injected: b"}),
        ("http://127.0.0.1:{}/", {"X-A": "a\rX-Injected: b"}),
        ("http://127.0.0.1:{}/", {"X-A\r\nX-Injected": "b"}),
        ("http://127.0.0.1:{}/", {"X-A": "a%s\r\nX-Injected: b"}),
        ("http://127.0.0.1:{}/", {"X-A": "a\0"}),
        ("http://127.0.0.1:{}/", {"X-A": "\ud800"}),
    ],
)
async def test_nothing_can_be_smuggled_into_a_request(
    engine: Engine, open_raw: OpenRaw, url: str, headers: dict[str, str]
) -> None:
    heads: list[bytes] = []

    async def take(peer: Peer) -> None:
        heads.append(await peer.request())
        await peer.answer(b"{}")

    server = await open_raw(take)
    (ended,) = await asyncio.gather(answer_of(engine, url.format(server.port), headers=headers), return_exceptions=True)
    assert isinstance(ended, Answer) or (isinstance(ended, ExchangeError) and not ended.sent)
    assert not any(b"\rX-Injected" in head or b"\nX-Injected" in head for head in heads)


async def test_a_refused_address_is_not_connected_to_while_guarded(engine: Engine) -> None:
    with pytest.raises(ExchangeError) as caught:
        await answer_of(engine, "http://169.254.169.254/latest", guarded=True)
    assert not caught.value.sent
    assert not isinstance(caught.value, NoConnection)


@needs_httptools
async def test_many_servers_are_asked_and_none_of_their_connections_is_left_open(open_raw: OpenRaw) -> None:
    go_on = asyncio.Event()

    async def slow(peer: Peer) -> None:
        while await peer.request():
            await go_on.wait()
            await peer.answer(b"slow")

    engine = HttptoolsEngine()
    engine.open()
    servers = [await open_raw(script) for script in [slow, *[answering(b"{}")] * 6]]
    first = asyncio.ensure_future(fetched(engine, servers[0].url))
    await servers[0].has_opened(1)
    for server in servers[1:] * 2:
        assert await fetched(engine, server.url) == (200, b"{}")
    go_on.set()
    assert await first == (200, b"slow")
    assert [server.opened for server in servers] == [1] * 7
    await engine.close()
    for server in servers:
        await asyncio.wait_for(server.all_gone.wait(), 10)


async def test_a_connection_is_kept_only_for_those_who_trust_the_same(
    engine: Engine, open_raw: OpenRaw, tmp_path: Path
) -> None:
    authority = Authority(tmp_path)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(authority.issue("server"))
    server = await open_raw(answering(b"{}"), context)
    url = server.url.replace("http:", "https:")
    trusting = Tls.load(str(authority.ca), None, None)
    for _ in range(2):
        assert await fetched(engine, url, tls=trusting) == (200, b"{}")
    for tls in (None, Tls.load(None, None, None)):
        with pytest.raises(NoConnection, match="certificate"):
            await answer_of(engine, url, tls=tls)
    assert await fetched(engine, url, tls=trusting) == (200, b"{}")
    assert await fetched(engine, url, tls=Tls.load(str(authority.ca), None, None)) == (200, b"{}")
    assert server.opened == 2


@pytest.mark.parametrize("addresses", [["127.0.0.2"], ["127.0.0.2", "127.0.0.3"]], ids=["one address", "two"])
@pytest.mark.parametrize("name", ["localhost", "localhost."])
async def test_tls_is_spoken_with_whom_a_name_leads_to(
    engine: Engine, open_raw: OpenRaw, tmp_path: Path, addresses: list[str], name: str
) -> None:
    authority = Authority(tmp_path)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(authority.issue("server"))
    server = await open_raw(answering(b"{}"), context)
    with leading_to(server, *addresses) as tried:
        tls = Tls.load(str(authority.ca), None, None)
        assert await fetched(engine, f"https://{name}:{server.port}", tls=tls) == (200, b"{}")
        with pytest.raises(NoConnection, match="certificate"):
            await answer_of(engine, f"https://other.example:{server.port}", tls=tls)
    assert set(tried) == set(addresses)


@needs_httptools
async def test_closing_closes_what_is_kept_and_what_is_under_way(open_raw: OpenRaw) -> None:
    engine = HttptoolsEngine()
    engine.open()
    server = await open_raw(answering(b"{}"))
    answers: list[Answer] = await asyncio.gather(*(answer_of(engine, server.url) for _ in range(5)))
    assert len(answers) == 5
    await engine.close()
    await asyncio.wait_for(server.all_gone.wait(), 10)


@needs_httptools
async def test_what_is_nothing_special_is_sent_by_httptools_itself() -> None:
    engine = HttptoolsEngine()
    engine.open()
    url = "http://a.example:8000/a?b=c"

    def is_its_own(method: str = "POST", *names: str, url: str = url, proxy: str | None = None) -> bool:
        return isinstance(engine.prepare(RequestKind(method, url, False, names, proxy)), HttptoolsPreparedRequest)

    assert all(is_its_own(method) for method in ("GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"))
    assert is_its_own("POST", "Content-Type", "X-Other")
    assert is_its_own(url="http://a.example:8000")
    assert not is_its_own("HEAD")
    assert not is_its_own(proxy="http://proxy:3128")
    for name in ("Host", "Content-Length", "Transfer-Encoding", "Connection", "Expect", "Upgrade", "TE", "Trailer"):
        assert not is_its_own("POST", name)
    for odd in (" ", "#b", "\n", "é", "\x7f"):
        assert not is_its_own(url=url + odd)
        assert not is_its_own("POST", f"X-{odd}") or odd in {"#b", "é", " "}
    await engine.close()


@needs_httptools
async def test_a_kept_connection_that_is_closing_is_not_used(open_raw: OpenRaw) -> None:
    engine = HttptoolsEngine()
    engine.open()
    server = await open_raw(answering(b"{}"))
    assert await fetched(engine, server.url) == (200, b"{}")
    assert engine._origins is not None
    origin = engine._origins.find(server.url, None, False)
    assert origin is not None
    origin.idle[0]._transport.close()  # as when the server closes, and nothing has told the connection yet
    assert await fetched(engine, server.url) == (200, b"{}")
    assert server.opened == 2
    await engine.close()


# The choice


def config(tmp_path: Path, outgoing: str) -> Any:
    path = tmp_path / "esb.yaml"
    path.write_text(f"version: 1\nserver: {{{outgoing}}}\ncomponents: []\n")
    return load(path, {})


@needs_httptools
def test_the_fastest_engine_is_chosen_unless_another_is_named(tmp_path: Path) -> None:
    assert Server().outgoing is None
    assert isinstance(outgoing_engine.chosen(config(tmp_path, ""))[0], HttptoolsEngine)
    assert isinstance(outgoing_engine.chosen(config(tmp_path, "outgoing: httptools"))[0], HttptoolsEngine)
    assert isinstance(outgoing_engine.chosen(config(tmp_path, "outgoing: aiohttp"))[0], AiohttpEngine)


def test_an_engine_that_is_not_installed_is_a_mistake_only_when_it_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(httptools, "INSTALLED", False)
    engine, mistakes = outgoing_engine.chosen(config(tmp_path, ""))
    assert (type(engine), mistakes) == (AiohttpEngine, [])
    _, mistakes = outgoing_engine.chosen(config(tmp_path, "outgoing: httptools"))
    assert [(mistake.line, mistake.key) for mistake in mistakes] == [(2, "server.outgoing")]
    assert "httptools is not installed" in mistakes[0].text


def test_an_unknown_engine_is_a_located_mistake(tmp_path: Path) -> None:
    (mistake,) = config(tmp_path, "outgoing: curl").mistakes
    assert (mistake.line, mistake.key) == (2, "server.outgoing")

"""Requests that two servers could read in two ways: none of them goes through a raw proxy."""

import gzip
import json
import time
from contextlib import AsyncExitStack
from urllib.parse import urlencode

import pytest

from esb.core.events import Crashed
from tests.support.configuration import DEMO
from tests.support.gateway import Gateway, OpenGateway
from tests.support.identity import with_signature
from tests.support.servers.raw_server import Peer, raw_server
from tests.support.servers.recorder import proxy
from tests.support.wire import connection, read_answer

TARGET = b"/api/c/compapi/demo/relay/"
AUTHORIZATION = b"X-Bkapi-Authorization: " + json.dumps(DEMO).encode()
SECOND = b"GET /admin HTTP/1.1\r\nHost: x\r\n\r\n"


class Front:
    """A gateway in front of a server that keeps all bytes that come to it, connection by connection."""

    def __init__(self, gateway: Gateway, came: list[bytes]) -> None:
        self.gateway = gateway
        self.came = came

    async def asked(self, raw: bytes) -> tuple[int, bytes]:
        """Send these bytes, and return status and body of the first answer."""
        async with connection(self.gateway.url) as (reader, writer):
            writer.write(raw)
            answer = await read_answer(reader)
        assert not [event for event in self.gateway.events if isinstance(event, Crashed)]
        return answer.status, answer.body


@pytest.fixture(params=["aiohttp", pytest.param("httptools", marks=pytest.mark.httptools)])
async def front(request: pytest.FixtureRequest, open_gateway: OpenGateway, opened: AsyncExitStack) -> Front:
    came: list[bytes] = []

    async def script(peer: Peer) -> None:
        while head := await peer.reader.readuntil(b"\r\n\r\n"):
            body = b""
            if b"\r\ntransfer-encoding: chunked" in head.lower():
                body = await peer.reader.readuntil(b"0\r\n\r\n")
            elif b"\r\ncontent-length: " in head.lower():
                length = head.lower().partition(b"\r\ncontent-length: ")[2].partition(b"\r\n")[0]
                body = await peer.reader.readexactly(int(length))
            came.append(head + body)
            await peer.answer(b"fine")

    server = await opened.enter_async_context(raw_server(script))
    stanza = proxy(server.url, response="raw", stanza="methods: [GET, POST, PUT], ")
    return Front(await open_gateway(stanza, more=f"server: {{outgoing: {request.param}}}\n"), came)


def post(*lines: bytes, body: bytes = b"", target: bytes = TARGET) -> bytes:
    return b"\r\n".join([b"POST " + target + b" HTTP/1.1", b"Host: x", AUTHORIZATION, *lines, b"", body])


@pytest.mark.parametrize(
    "raw",
    [
        post(b"Content-Length: 4", b"Transfer-Encoding: chunked", body=b"0\r\n\r\n" + SECOND),
        post(b"Transfer-Encoding: chunked", b"Content-Length: 4", body=b"0\r\n\r\n" + SECOND),
        post(b"Content-Length: 4", b"Content-Length: 40", body=b"aaaa" + SECOND),
        post(b"Content-Length: 4, 40", body=b"aaaa" + SECOND),
        post(b"Content-Length: +4", body=b"aaaa" + SECOND),
        post(b"Content-Length: -4", body=b"aaaa" + SECOND),
        post(b"Content-Length: 0x4", body=b"aaaa" + SECOND),
        post(b"Content-Length: 4_0", body=b"aaaa" + SECOND),
        post(b"Content-Length:", body=b"aaaa" + SECOND),
        post(b"Content-Length : 4", body=b"aaaa" + SECOND),
        post(b"Transfer-Encoding : chunked", body=b"0\r\n\r\n" + SECOND),
        post(b"Transfer-Encoding: xchunked", body=b"0\r\n\r\n" + SECOND),
        post(b"Transfer-Encoding: chunked, identity", body=b"0\r\n\r\n" + SECOND),
        post(b"Transfer-Encoding: identity, chunked, chunked", body=b"0\r\n\r\n" + SECOND),
        post(b"Transfer-Encoding:\x0bchunked", body=b"0\r\n\r\n" + SECOND),
        post(b" Transfer-Encoding: chunked", body=b"0\r\n\r\n" + SECOND),
        post(b"X-Fold: a", b" Transfer-Encoding: chunked", body=b"0\r\n\r\n" + SECOND),
        post(b"X-Fold: a", b"\tb"),
        post(b"X-Null: a\x00b"),
        post(b"X-Return: a\rTransfer-Encoding: chunked", body=b"0\r\n\r\n" + SECOND),
        post(b"X-Feed: a\nTransfer-Encoding: chunked", b"Content-Length: 5", body=b"0\r\n\r\n" + SECOND),
        post(b"X\x00Y: a"),
        post(b"X Y: a"),
        post(b": a"),
        post(b"no colon"),
        post(b"Host: y"),
        post(target=TARGET + b"\x00"),
        post(target=TARGET + b"?a b"),
        post(b"Transfer-Encoding: chunked", body=b"4\naaaa\r\n0\r\n\r\n"),
        post(b"Transfer-Encoding: chunked", body=b"+4\r\naaaa\r\n0\r\n\r\n"),
        post(b"Transfer-Encoding: chunked", body=b"0x4\r\naaaa\r\n0\r\n\r\n"),
        post(b"Transfer-Encoding: chunked", body=b"4\r\naaaaa\r\n0\r\n\r\n"),
        post(b"Transfer-Encoding: chunked", body=b"4 x\r\naaaa\r\n0\r\n\r\n"),
        post(b"Transfer-Encoding: chunked", body=b"fffffffffffffffff\r\naaaa\r\n0\r\n\r\n"),
    ],
    ids=lambda raw: repr(raw.partition(AUTHORIZATION)[2][2:60]),
)
async def test_an_ambiguous_request_is_refused(front: Front, raw: bytes) -> None:
    status, body = await front.asked(raw)
    assert status in {400, 404} or json.loads(body)["code"] == 1306406
    assert front.came == []


@pytest.mark.parametrize(
    "raw",
    [
        post(b"Content-Length: 4", body=b"aaaa"),
        post(b"Transfer-Encoding: chunked", body=b"4;a=b\r\naaaa\r\n0\r\nBk-Username: spoofed\r\n\r\n"),
        post(
            b"transfer-encoding: Chunked",
            b"Trailer: Bk-Username",
            body=b"4\r\naaaa\r\n0\r\nBk-Username: spoofed\r\n\r\n",
        ),
    ],
)
async def test_a_sound_request_is_framed_anew_and_loses_its_trailers(front: Front, raw: bytes) -> None:
    assert await front.asked(raw + SECOND) == (200, b"fine")
    [came] = front.came
    assert came.endswith((b"\r\n\r\naaaa", b"\r\n\r\n4\r\naaaa\r\n0\r\n\r\n"))
    assert b"spoofed" not in came
    assert b"railer" not in came
    assert (b"Content-Length" in came) + (b"Transfer-Encoding" in came) == 1


@pytest.mark.parametrize("method", ["POST", "PUT"])
async def test_a_body_that_was_unpacked_is_described_as_it_goes_on(front: Front, method: str) -> None:
    plain = b"bk_username=admin&bk_app_code=esb_demo&a=" + b"a" * 1000 + SECOND
    packed = gzip.compress(plain, mtime=0)
    query = {"bk_app_code": "esb_demo", "bk_username": "admin", "bk_nonce": "1", "bk_timestamp": str(int(time.time()))}
    signed = with_signature(query, method, TARGET.decode(), body=plain, secret="demo-secret")
    target = TARGET + b"?" + urlencode(signed).encode()
    lines = (
        b"Content-Encoding: gzip",
        b"Content-Type: application/x-www-form-urlencoded",
        b"Content-Length: %d" % len(packed),
    )
    head = b"\r\n".join([b"%b %b HTTP/1.1" % (method.encode(), target), b"Host: x", *lines, b"", b""])
    assert await front.asked(head + packed) == (200, b"fine")
    [came] = front.came
    assert came.endswith(b"\r\n\r\n" + plain)
    assert came.count(b"Content-Length: %d\r\n" % len(plain)) == 1
    assert b"Content-Encoding" not in came

"""The httptools engine against aiohttp's as the oracle: whatever bytes an upstream sends, both make the same of them.

ESB_FUZZ in the environment sets how many answers are tried, and ESB_FUZZ_SEED where they begin.
"""

import asyncio
import gzip
import os
import random
import zlib
from collections.abc import AsyncIterator

import pytest

from esb.outgoing.engine import Engine, ExchangeError, RequestKind
from esb.outgoing.engines.aiohttp import AiohttpEngine
from esb.outgoing.engines.httptools import HttptoolsEngine
from tests.support.engines import needs_httptools
from tests.support.servers.raw_server import Peer, raw_server

pytestmark = needs_httptools
CASES = int(os.environ.get("ESB_FUZZ", "150"))
SEED = int(os.environ.get("ESB_FUZZ_SEED", "1"))
AT_ONCE = 20

STATUS_LINES = [
    b"HTTP/1.1 200 OK",
    b"HTTP/1.1 200",
    b"HTTP/1.0 200 OK",
    b"HTTP/1.1 204 No Content",
    b"HTTP/1.1 304 Not Modified",
    b"HTTP/1.1 404 Not Found",
    b"HTTP/1.1 500 \xe5\x93\x8e",
    b"HTTP/2.0 200 OK",
    b"HTTP/1.1 2000 OK",
    b"HTTP/1.1 20 OK",
    b"HTTP/1.1  200 OK",
    b"ICY 200 OK",
]
INTERIM = [
    b"",
    b"",
    b"",
    b"HTTP/1.1 100 Continue\r\n\r\n",
    b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n",
]
HEADERS = [
    b"Content-Type: application/json",
    b"Content-type:application/json; charset=gbk",
    b"Connection: close",
    b"Connection: keep-alive",
    b"X-Empty:",
    b"X-Spaces:   a b  \t ",
    b"X-Twice: 1",
    b"X-Twice: 2",
    b"X-Bytes: \xe4\xbd\xa0\xff",
    b"X-Null: a\x00b",
    b"X Space: a",
    b"no-colon",
    b" folded: yes",
    b": no name",
    b"X-Long: " + b"x" * 3000,
    b"Retry-After: 5",
    b"Set-Cookie: a=b",
    b"Content-Length: 5, 5",
    b"Content-Length: +5",
    b"Transfer-Encoding: gzip, chunked",
    b"Transfer-Encoding: identity",
    b"Content-Encoding: gzip",
    b"Content-Encoding: deflate",
    b"Content-Encoding: identity",
]
BODIES = [
    b"",
    b"{}",
    b'{"errcode":0,"errmsg":"ok"}',
    b"x" * 20_000,
    gzip.compress(b'{"errcode":0}', mtime=0),
    gzip.compress(b"{}", mtime=0) + gzip.compress(b"{}", mtime=0),
    gzip.compress(b'{"errcode":0}', mtime=0)[:-3],
    zlib.compress(b'{"errcode":0}'),
    zlib.compress(b'{"errcode":0}')[2:-4],
]


def chunked(draw: random.Random, body: bytes) -> bytes:
    pieces = []
    while body:
        size = draw.randint(1, len(body))
        extension = draw.choice([b"", b"", b"", b";a=b", b" "])
        pieces.append(b"%x%s\r\n%s\r\n" % (size, extension, body[:size]))
        body = body[size:]
    return b"".join(pieces) + draw.choice([b"0\r\n\r\n", b"0\r\n\r\n", b"0\r\nX-Trailer: a\r\n\r\n", b"0\r\n", b""])


def answer(draw: random.Random) -> bytes:
    """An answer, right or nearly so."""
    body = draw.choice(BODIES)
    headers = draw.choices(HEADERS, k=draw.choice([0, 1, 1, 2, 3]))
    match draw.choice(["length", "length", "length", "chunked", "chunked", "close", "both", "wrong", "twice"]):
        case "length":
            headers.append(b"Content-Length: %d" % len(body))
        case "chunked":
            headers.append(b"Transfer-Encoding: chunked")
            body = chunked(draw, body)
        case "both":
            headers += [b"Content-Length: %d" % len(body), b"Transfer-Encoding: chunked"]
            body = chunked(draw, body)
        case "wrong":
            headers.append(b"Content-Length: %d" % draw.choice([len(body) + 1, max(len(body) - 1, 0), 10**30]))
        case "twice":
            headers += [b"Content-Length: %d" % len(body), b"Content-Length: %d" % draw.choice([len(body), 3])]
    draw.shuffle(headers)
    raw = b"\r\n".join([draw.choice(INTERIM) + draw.choice(STATUS_LINES[:7] * 3 + STATUS_LINES), *headers, b"", body])
    return mutated(draw, raw) if draw.random() < 0.3 else raw


def mutated(draw: random.Random, raw: bytes) -> bytes:
    place = draw.randrange(len(raw))
    match draw.choice(["cut", "drop", "flip", "insert", "lines"]):
        case "cut":
            return raw[:place]
        case "drop":
            return raw[:place] + raw[place + 1 :]
        case "flip":
            return raw[:place] + bytes([draw.randrange(256)]) + raw[place + 1 :]
        case "insert":
            return raw[:place] + draw.choice([b"\r\n", b"\n", b"\r", b"\0", b" ", b"\t", b":", b"0"]) + raw[place:]
    return raw.replace(b"\r\n", b"\n")


def in_pieces(draw: random.Random, raw: bytes) -> list[bytes]:
    cuts = sorted(draw.randrange(len(raw) + 1) for _ in range(draw.choice([0, 0, 1, 3])))
    return [raw[start:end] for start, end in zip([0, *cuts], [*cuts, len(raw)], strict=True) if start < end]


async def outcome(engine: Engine, url: str) -> tuple[object, ...]:
    """Return the answer to a request, or else the name of its error and whether it was sent."""
    try:
        found = await engine.prepare(RequestKind("POST", url, guarded=False)).fetch({}, b"{}", 3)
    except ExchangeError as error:
        return type(error).__name__, error.sent
    return found.status, found.body, sorted((name.lower(), value) for name, value in found.headers.items())


@pytest.fixture
async def engines() -> AsyncIterator[tuple[Engine, Engine]]:
    both = (AiohttpEngine(), HttptoolsEngine())
    for engine in both:
        engine.open()
    yield both
    for engine in both:
        await engine.close()


@pytest.mark.timeout(0 if CASES > 1000 else 60)
async def test_both_engines_make_the_same_of_whatever_comes(engines: tuple[Engine, Engine]) -> None:
    async def script(peer: Peer) -> None:
        number, _, whole = (await peer.request()).split(b" ")[1][1:].decode().partition(".")
        draw = random.Random(int(number))
        pieces = in_pieces(draw, answer(draw))
        for piece in [b"".join(pieces)] if whole else pieces:
            await peer.send(piece)
            await asyncio.sleep(0)

    differences = []
    async with raw_server(script) as server:

        async def compare(number: int) -> None:
            oracle, found = [await outcome(engine, f"{server.url}/{number}") for engine in engines]
            if found == ("ExchangeError", True) and oracle != found:
                if oracle == ("OutOfTime", True):
                    return  # aiohttp waits for more of a last chunk that is broken, even when nobody is there any more
                # aiohttp minds what follows an answer only if it comes together with its head.
                oracle = await outcome(engines[0], f"{server.url}/{number}.whole")
            if oracle != found:
                draw = random.Random(number)
                differences.append((number, in_pieces(draw, answer(draw)), oracle, found))

        for start in range(SEED, SEED + CASES, AT_ONCE):
            await asyncio.gather(*(compare(number) for number in range(start, min(start + AT_ONCE, SEED + CASES))))
    assert not differences, "\n".join(map(repr, differences[:5]))

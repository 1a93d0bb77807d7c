"""An evil upstream: every other system that the gateway asks, and it answers as it likes."""

import asyncio
import json
import random
import socket
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any

from tests.project.fuzz.values import as_json, changed, damaged, packed, piece

USUAL: dict[bytes, dict[str, Any]] = {
    b"token": {"errcode": 0, "errmsg": "ok", "access_token": "T" * 64, "expires_in": 7200},
    b"is_login": {"result": True, "code": "00", "message": "", "data": {"username": "admin"}},
    b"verify": {"code": 0, "data": {"bk_app_code": "app", "bk_username": "admin"}},
    b"profiles": {
        "result": True,
        "data": [{"username": "admin", "wx_userid": "zhangsan", "telephone": "1", "email": "a@b"}],
    },
    b"message": {"errcode": 0, "errmsg": "ok", "invaliduser": "lisi", "msgid": "1"},
}
OTHER: dict[str, Any] = {"result": True, "code": 0, "message": "OK", "data": {"a": [1, {"b": "张三"}]}}
LINGER_NOT = struct.pack("ii", 1, 0)
"""Closing then sends RST instead of FIN."""
SLOW = 0.02
"""Seconds between two pieces of an answer that comes slowly."""


def _head(rng: random.Random, body: bytes, more: tuple[bytes, ...] = ()) -> bytes:
    """Return a head for this body: proper for the most part."""
    status = rng.choice(
        [b"200 OK"] * 12 + [b"204 No Content", b"302 Found", b"304 Not", b"404 Not", b"429 Slow", b"500 E"]
    )
    lines = [b"HTTP/1.1 " + status, b"Content-Type: application/json", *more]
    if rng.random() < 0.2:
        name = rng.choice([b"X-A", b"Set-Cookie", b"Location", b"Server", b"Content-Type", b"Date", b"Connection"])
        lines.append(name + b": " + piece(rng))
    framing = rng.random()
    if framing < 0.7:
        lines.append(b"Content-Length: %d" % len(body))
    elif framing < 0.8:
        lines.append(b"Transfer-Encoding: chunked")
        body = b"%x\r\n%b\r\n0\r\n\r\n" % (len(body), body) if body else b"0\r\n\r\n"
    elif framing < 0.9:
        lines.append(b"Connection: close")
    else:
        lines += [b"Content-Length: " + rng.choice([b"5", b"-1", b"x", b"9" * 25, b"0", b"1, 1", piece(rng)])]
    return b"\r\n".join([*lines, b"", body])


def answer(rng: random.Random, request: bytes) -> bytes:
    """Return the bytes that are answered to this request."""
    target = request.partition(b"\r\n")[0]
    document = next((usual for word, usual in USUAL.items() if word in target), OTHER)
    if rng.random() < 0.5:
        return _head(rng, json.dumps(document).encode())
    body = as_json(rng, changed(rng, document))
    match rng.randrange(10):
        case 0:
            return rng.randbytes(rng.randrange(300))
        case 1:
            return damaged(rng, _head(rng, body))
        case 2:
            body, encoding = packed(rng, body)
            return _head(rng, body, (b"Content-Encoding: " + encoding,))
        case 3:
            return b"HTTP/1.1 100 Continue\r\n\r\n" * rng.randrange(1, 300) + _head(rng, body)
        case 4:
            return _head(rng, body, tuple(b"X-%d: %b" % (number, piece(rng)) for number in range(rng.randrange(200))))
        case 5:
            return _head(rng, rng.choice([b"", b"[]", b"1", b'"a"', b"null", b"<html>", b"a=1", b"{", piece(rng)]))
        case 6:
            return _head(rng, damaged(rng, body))
        case 7:
            return _head(rng, body, (b"X-Long: " + b"a" * rng.choice([8000, 9000, 70_000]),))
        case _:
            return _head(rng, body)


@asynccontextmanager
async def evil_upstream(seed: str) -> AsyncIterator[str]:
    """Serve at a free port of loopback, and yield the URL."""
    rng = random.Random(seed)

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            while request := await reader.readuntil(b"\r\n\r\n"):
                chance, raw = rng.random(), answer(rng, request)
                if chance < 0.02:
                    writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, LINGER_NOT)
                    break
                if chance < 0.06:  # in two pieces, and perhaps nothing after the first
                    cut = rng.randrange(len(raw) + 1)
                    writer.write(raw[:cut])
                    await writer.drain()
                    if chance < 0.03:
                        break
                    await asyncio.sleep(SLOW)
                    raw = raw[cut:]
                writer.write(raw)
                await writer.drain()
                await _past(reader, request)
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"


async def _past(reader: asyncio.StreamReader, head: bytes) -> None:
    """Read the body of this request, if its length is told; who sends chunks is read as if they were requests."""
    for line in head.lower().split(b"\r\n"):
        if line.startswith(b"content-length:") and line[15:].strip().isdigit():
            await reader.readexactly(int(line[15:]))

"""HTTP by hand, for what no decent client would send."""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from aiohttp import ClientResponse

SPINS = 200
"""The turns of the event loop in which nearly everything that only the loop does is done."""


@dataclass
class Answer:
    """An answer on a bare connection."""

    status: int
    headers: list[tuple[str, str]]
    body: bytes

    def header(self, name: str) -> str:
        values = [value for key, value in self.headers if key.lower() == name.lower()]
        assert len(values) == 1, (name, self.headers)
        return values[0]

    def envelope(self) -> dict[str, Any]:
        """The envelope, whose form is that of every answer."""
        return checked(self.body, self.header("X-Bkapi-Request-Id"), self.header("Content-Type"))


@asynccontextmanager
async def connection(
    url: str, source: str | None = None
) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    """A connection, from this address of loopback if one is given."""
    place = urlsplit(url)
    local = None if source is None else (source, 0)
    reader, writer = await asyncio.open_connection(place.hostname, place.port, local_addr=local)
    try:
        yield reader, writer
    finally:
        writer.close()


async def exchange(url: str, request: bytes) -> Answer:
    """Send these bytes, and read one answer."""
    async with connection(url) as (reader, writer):
        writer.write(request)
        return await read_answer(reader)


async def read_answer(reader: asyncio.StreamReader) -> Answer:
    async with asyncio.timeout(30):
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        headers = [(name, value.strip()) for name, _, value in (line.partition(":") for line in head[1:] if line)]
        length = next((int(value) for name, value in headers if name.lower() == "content-length"), 0)
        return Answer(int(head[0].split()[1]), headers, await reader.readexactly(length))


def request(
    method: bytes, target: bytes, body: bytes = b"", headers: tuple[bytes, ...] = (), length: int | None = None
) -> bytes:
    """A request with these very bytes."""
    lines = [method + b" " + target + b" HTTP/1.1", b"Host: gateway", *headers]
    if body or length is not None:
        lines.append(b"Content-Length: %d" % (len(body) if length is None else length))
    return b"\r\n".join([*lines, b"", body])


async def until(reached: Callable[[], bool]) -> None:
    """Let everything else run until this is so: the loop's next turns, then other threads and processes."""
    async with asyncio.timeout(120):
        for _ in range(SPINS):
            if reached():
                return
            await asyncio.sleep(0)
        while not reached():
            await asyncio.to_thread(time.sleep, 0.001)  # the loop's time may stand still


async def until_found(reached: Callable[[], Awaitable[bool]]) -> None:
    """Look again and again until this is so, where only looking tells: in a database, or at another process."""
    async with asyncio.timeout(120):
        while not await reached():
            await asyncio.to_thread(time.sleep, 0.01)  # the loop's time may stand still


async def envelope_of(response: ClientResponse) -> dict[str, Any]:
    """The envelope of a response, whose form is that of every answer."""
    ids = response.headers.getall("X-Bkapi-Request-Id")
    assert len(ids) == 1
    return checked(await response.read(), ids[0], response.headers["Content-Type"])


def checked(body: bytes, request_id: str, content_type: str) -> dict[str, Any]:
    assert content_type == "application/json; charset=utf-8"
    envelope: dict[str, Any] = json.loads(body)
    assert {"result", "code", "message", "data", "request_id"} <= set(envelope)
    assert isinstance(envelope["result"], bool)
    assert isinstance(envelope["code"], int)
    assert isinstance(envelope["message"], str)
    assert envelope["request_id"] == request_id
    assert len(request_id) == 32
    return envelope

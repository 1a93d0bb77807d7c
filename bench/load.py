"""Sends one request again and again over some keep-alive connections, and checks the body of every answer."""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import cast
from urllib.parse import urlsplit

Check = Callable[[bytes], bool]


class Void(Exception):
    """An answer was wrong or missing: whatever was measured means nothing."""


@dataclass
class Sent:
    """The seconds of some sends, all of them answered rightly."""

    seconds: float
    latencies: list[float] = field(default_factory=list, repr=False)


@dataclass(frozen=True)
class Batch:
    """A request, and the check of its answer."""

    request: bytes
    check: Check


class Load:
    """A number of connections to one server, kept open from batch to batch."""

    def __init__(self, url: str, connections: int) -> None:
        place = urlsplit(url)
        self._host, self._port = place.hostname or "", place.port or 80
        self._number = connections
        self._connections: list[_Connection] = []

    async def __aenter__(self) -> "Load":
        loop = asyncio.get_running_loop()
        for _ in range(self._number):
            _, connection = await loop.create_connection(_Connection, self._host, self._port)
            self._connections.append(connection)
        return self

    async def __aexit__(self, *_: object) -> None:
        for connection in self._connections:
            connection.close()

    async def send(self, batch: Batch, times: int) -> Sent:
        """Send a batch's request `times` times, each connection its share. Void if any answer fails the check."""
        share, more = divmod(times, self._number)
        sent = Sent(0.0)
        started = time.perf_counter()
        try:
            async with asyncio.TaskGroup() as group:
                for number, connection in enumerate(self._connections):
                    group.create_task(_repeat(connection, batch, share + (number < more), sent.latencies))
        except ExceptionGroup as errors:
            raise errors.exceptions[0] from None  # one is enough
        sent.seconds = time.perf_counter() - started
        return sent


async def _repeat(connection: "_Connection", batch: Batch, times: int, latencies: list[float]) -> None:
    for _ in range(times):
        started = time.perf_counter()
        body = await connection.ask(batch.request)
        latencies.append(time.perf_counter() - started)
        if not batch.check(body):
            raise Void(f"unexpected answer: {body[:300]!r}")


class _Connection(asyncio.Protocol):
    """One request at a time."""

    def __init__(self) -> None:
        self._buffer = b""
        self._waiting: asyncio.Future[bytes] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.WriteTransport, transport)  # uvloop's is no subclass of it

    def close(self) -> None:
        self._transport.abort()

    async def ask(self, request: bytes) -> bytes:
        self._waiting = asyncio.get_running_loop().create_future()
        self._transport.write(request)
        return await self._waiting

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        body = answered(self._buffer)
        if body is not None and self._waiting is not None:
            self._buffer = b""
            waiting, self._waiting = self._waiting, None
            waiting.set_result(body)

    def connection_lost(self, error: Exception | None) -> None:
        if self._waiting is not None and not self._waiting.done():
            self._waiting.set_exception(Void(f"the server closed the connection: {error!r}, {self._buffer[:300]!r}"))


def answered(raw: bytes) -> bytes | None:
    """The body of this answer; None if it is not all there. Void if it is not a 200."""
    head, end, rest = raw.partition(b"\r\n\r\n")
    if not end:
        return None
    if not head.startswith(b"HTTP/1.1 200 "):
        raise Void(f"unexpected answer: {raw[:300]!r}")
    _, found, length = head.lower().partition(b"\r\ncontent-length:")
    if found:
        return rest if len(rest) >= int(length.partition(b"\r\n")[0]) else None
    return _dechunked(rest) if rest.endswith(b"0\r\n\r\n") else None


def _dechunked(raw: bytes) -> bytes:
    body = b""
    while raw:
        size, _, raw = raw.partition(b"\r\n")
        length = int(size, 16)
        body += raw[:length]
        raw = raw[length + 2 :]
    return body

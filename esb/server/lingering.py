"""The end of a connection on which a client may still send: a reset would take the answer from it, so it is heard out.

RFC 9112 §9.6: end one's own side, read and drop what still comes, and only then close.
"""

import asyncio
from contextlib import suppress
from typing import Any

from aiohttp import web

MOST_DROPPED = 10 * 2**20
"""The bytes that are read and dropped: who sends more reads no answer anyway."""


class LastResponse(web.Response):
    """The last answer on a connection, behind which the client is heard out for `seconds` at most."""

    def __init__(self, seconds: float, **options: Any) -> None:
        super().__init__(**options)
        self._seconds = seconds
        self._transport: asyncio.Transport | None = None

    async def prepare(self, request: web.BaseRequest) -> Any:
        """Write the head."""
        self._transport = request.transport
        return await super().prepare(request)

    async def write_eof(self, data: bytes = b"") -> None:
        """Write the body; return when the client has gone, or has had its time."""
        await super().write_eof(data)
        if self._transport is not None:
            await linger(self._transport, self._seconds)


async def linger(transport: asyncio.Transport, seconds: float) -> None:
    """End this side of a connection; return when the other side has ended too, or after so many seconds."""
    protocol = transport.get_protocol()
    if transport.is_closing() or not isinstance(protocol, asyncio.Protocol) or not transport.can_write_eof():
        return
    gone = asyncio.Event()
    transport.set_protocol(_DroppingProtocol(protocol, gone))
    try:
        transport.write_eof()
        transport.resume_reading()
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await gone.wait()
    finally:
        transport.set_protocol(protocol)


class _DroppingProtocol(asyncio.Protocol):
    """A protocol that drops what comes, and hands on the end of the connection."""

    def __init__(self, protocol: asyncio.Protocol, gone: asyncio.Event) -> None:
        self._protocol = protocol
        self._gone = gone
        self._left = MOST_DROPPED
        self.pause_writing = protocol.pause_writing  # type: ignore[method-assign]  # as in esb.incoming.disconnect
        self.resume_writing = protocol.resume_writing  # type: ignore[method-assign]

    def data_received(self, data: bytes) -> None:
        self._left -= len(data)
        if self._left < 0:
            self._gone.set()

    def eof_received(self) -> None:
        self._gone.set()

    def connection_lost(self, error: Exception | None) -> None:
        self._protocol.connection_lost(error)
        self._gone.set()

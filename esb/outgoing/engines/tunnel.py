"""A connection that has left HTTP: its bytes, one way and the other, no faster than they are taken."""

import asyncio
from collections import deque
from typing import Any

from aiohttp.base_protocol import BaseProtocol

MOST_HELD = 2**16
"""The bytes that may have come and not been read; then no more are taken from the connection until they are."""


class Tunnel:
    """The bytes of one connection, which stays that of aiohttp's server or client."""

    def __init__(self, protocol: BaseProtocol) -> None:
        self._protocol = protocol
        self._transport = protocol.transport
        self._chunks: deque[bytes] = deque()
        self._held = 0
        self._is_paused = False
        self._has_ended = self._transport is None
        self._waiting: asyncio.Future[None] | None = None

    async def read(self) -> bytes:
        """Return what has come, as soon as anything has; b"" at the end of the connection."""
        while not self._chunks and not self._has_ended:
            self._waiting = asyncio.get_running_loop().create_future()
            await self._waiting
        data = b"".join(self._chunks)
        self._chunks.clear()
        self._held = 0
        if self._is_paused and self._protocol.transport is not None:
            self._is_paused = False
            self._protocol.resume_reading()
        return data

    def put(self, data: bytes) -> None:
        """Send these bytes without waiting until they are taken. ConnectionError if the connection has ended."""
        if self._transport is None or self._transport.is_closing():
            raise ConnectionResetError
        self._transport.write(data)

    @property
    def unsent(self) -> int:
        """The bytes that are put and that the connection has not taken yet."""
        return 0 if self._transport is None else self._transport.get_write_buffer_size()

    async def drain(self) -> None:
        """Return when the connection takes more. ConnectionError if it has ended."""
        await self._protocol._drain_helper()

    def close(self) -> None:
        """End the connection once all is sent."""
        if self._transport is not None:
            self._transport.close()

    # What aiohttp asks of a parser

    def feed_data(self, data: bytes) -> tuple[bool, bytes]:
        """Take bytes that have come."""
        self._chunks.append(bytes(data))
        self._held += len(data)
        if self._held > MOST_HELD and not self._is_paused:
            self._is_paused = True
            self._protocol.pause_reading()
        self._wake()
        return False, b""

    def feed_eof(self) -> None:
        """Note the end of the connection."""
        self._has_ended = True
        self._wake()

    def _wake(self) -> None:
        if self._waiting is not None and not self._waiting.done():
            self._waiting.set_result(None)


def opened(protocol: Any) -> Tunnel:
    """Return the tunnel of a connection on which no HTTP is spoken any more: aiohttp hands it all that comes."""
    tunnel = Tunnel(protocol)
    payload = (None,) if hasattr(protocol, "should_close") else ()  # the client's side takes two
    protocol.set_parser(tunnel, *payload)
    return tunnel

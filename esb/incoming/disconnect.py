"""Connections that end early: one that a client closes, noticed at once; one that is reset, so that it notices."""

import asyncio
import socket
import struct
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager


class ClientDisconnected(ConnectionError):
    """The peer has closed the connection."""


@asynccontextmanager
async def while_connected(transport: asyncio.Transport | None) -> AsyncIterator[None]:
    """Cancel what runs inside when the connection closes; that comes out as ClientDisconnected."""
    if transport is None or transport.is_closing():
        raise ClientDisconnected
    loop = asyncio.get_running_loop()
    scope = asyncio.timeout(None)
    protocol = transport.get_protocol()
    assert isinstance(protocol, asyncio.Protocol)  # noqa: S101 - every stream transport has one
    try:
        async with scope:
            transport.set_protocol(_WatchedProtocol(protocol, lambda: scope.reschedule(loop.time())))
            try:
                yield
            finally:
                transport.set_protocol(protocol)
    except TimeoutError:
        if scope.expired():
            raise ClientDisconnected from None
        raise


def reset(transport: asyncio.Transport) -> None:
    """End the connection as by accident: whoever reads until its end learns that there should have been more."""
    transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    transport.abort()


class _WatchedProtocol(asyncio.Protocol):
    """A protocol that reports when its connection is lost, and hands everything else on.

    Who ends its own side of the connection has left, for all that is known: a stream is not for those.
    """

    def __init__(self, protocol: asyncio.Protocol, lost: Callable[[], None]) -> None:
        self._lost = lost
        self._protocol = protocol
        self.data_received = protocol.data_received  # type: ignore[method-assign]  # straight through: it is often called
        self.pause_writing = protocol.pause_writing  # type: ignore[method-assign]
        self.resume_writing = protocol.resume_writing  # type: ignore[method-assign]

    def connection_lost(self, error: Exception | None) -> None:
        self._protocol.connection_lost(error)
        self._lost()

"""Connections that end early: one that a client closes, noticed at once; one that is reset, so that it notices."""

import asyncio
import socket
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

LEFT_SECONDS = 3.0
"""Seconds after which a client that has ended its own side has left, if there is nothing to write to it meanwhile.

It may still read, or have closed the connection: only what is written to it tells. Most answers begin sooner.
"""


class ClientDisconnected(ConnectionError):
    """The peer has closed the connection."""


class ClientWatch:
    """Watch over the client that something is done for: it ends that when the client has left."""

    def __init__(self, scope: asyncio.Timeout, *, has_ended: bool) -> None:
        """`scope` is what expires when the client has left; `has_ended`: it has ended its own side."""
        self._loop = asyncio.get_running_loop()
        self._scope = scope
        self._has_ended = has_ended
        self._is_lost = False
        self.waiting()

    def waiting(self) -> None:
        """Note that nothing is being written to the client."""
        if self._has_ended:
            self._leaves_at(self._loop.time() + LEFT_SECONDS)

    def writing(self) -> None:
        """Note that something is being written to the client: if it has left, that will tell."""
        if self._has_ended:
            self._leaves_at(None)

    def client_ended(self) -> None:
        """Note that the client has ended its own side."""
        self._has_ended = True
        self.waiting()

    def connection_lost(self) -> None:
        """Note that the connection is closed."""
        self._leaves_at(self._loop.time())
        self._is_lost = True

    def _leaves_at(self, moment: float | None) -> None:
        """Let the scope expire then; but who has left, has left."""
        if not self._is_lost and not self._scope.expired():
            self._scope.reschedule(moment)


@asynccontextmanager
async def while_connected(transport: asyncio.Transport | None) -> AsyncIterator[ClientWatch]:
    """Cancel what runs inside when the client has left; that comes out as ClientDisconnected."""
    if transport is None or transport.is_closing():
        raise ClientDisconnected
    scope = asyncio.timeout(None)
    protocol = transport.get_protocol()
    assert isinstance(protocol, asyncio.Protocol)  # noqa: S101 - every stream transport has one
    try:
        async with scope:
            watch = ClientWatch(scope, has_ended=getattr(protocol, "client_has_ended", False))
            transport.set_protocol(_WatchedProtocol(protocol, watch))
            try:
                yield watch
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
    """A protocol that reports how its connection ends, and hands everything else on."""

    def __init__(self, protocol: asyncio.Protocol, watch: ClientWatch) -> None:
        self._watch = watch
        self._protocol = protocol
        self.data_received = protocol.data_received  # type: ignore[method-assign]  # straight through: it is often called
        self.pause_writing = protocol.pause_writing  # type: ignore[method-assign]
        self.resume_writing = protocol.resume_writing  # type: ignore[method-assign]

    def eof_received(self) -> bool | None:
        stays_open = self._protocol.eof_received()
        if stays_open:
            self._watch.client_ended()
        return stays_open

    def connection_lost(self, error: Exception | None) -> None:
        self._protocol.connection_lost(error)
        self._watch.connection_lost()

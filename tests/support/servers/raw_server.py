"""A server that says on the wire what a test tells it to, for upstreams that no HTTP server would play."""

import asyncio
import socket
import ssl
import struct
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

from esb.server.listening_sockets import BACKLOG

LINGER_NOT = struct.pack("ii", 1, 0)  # closing then sends RST instead of FIN


class Peer:
    """One connection, seen from the server."""

    def __init__(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, silent: Callable[[], Awaitable[None]]
    ) -> None:
        """`silent` is called when nothing more is going to be said."""
        self.reader = reader
        self._writer = writer
        self._silent = silent

    async def request(self) -> bytes:
        """The next request, head and body; b"" when the client has gone."""
        try:
            head = await self.reader.readuntil(b"\r\n\r\n")
        except (asyncio.IncompleteReadError, ConnectionError):
            return b""
        length = 0
        for line in head.lower().split(b"\r\n"):
            if line.startswith(b"content-length:"):
                length = int(line.partition(b":")[2])
        return head + await self.reader.readexactly(length)

    async def send(self, raw: bytes) -> None:
        self._writer.write(raw)
        await self._writer.drain()

    async def answer(self, body: bytes, status: str = "200 OK", headers: str = "") -> None:
        await self.send(f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\n{headers}\r\n".encode() + body)

    async def gone(self) -> None:
        """Send nothing more, and wait until the client has closed the connection."""
        await self._silent()
        try:
            while await self.reader.read(65536):
                pass
        except ConnectionError:
            pass

    def reset(self) -> None:
        self._writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, LINGER_NOT)
        self._writer.transport.abort()


Script = Callable[[Peer], Awaitable[None]]


class RawServer:
    """Runs a script for every connection, and closes the connection when the script ends."""

    def __init__(self, script: Script) -> None:
        self._script = script
        self.opened = 0
        self.open = 0
        self.silent = 0
        self.all_gone = asyncio.Event()
        self.port = 0
        self._came = asyncio.Condition()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def has_opened(self, number: int) -> None:
        """Wait until so many connections have been opened."""
        async with self._came:
            await self._came.wait_for(lambda: self.opened >= number)

    async def has_fallen_silent(self, number: int) -> None:
        """Wait until clients have left so many connections without a word."""
        async with self._came:
            await self._came.wait_for(lambda: self.silent >= number)

    async def _falls_silent(self) -> None:
        async with self._came:
            self.silent += 1
            self._came.notify_all()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.opened += 1
        self.open += 1
        self.all_gone.clear()
        async with self._came:
            self._came.notify_all()
        try:
            await self._script(Peer(reader, writer, self._falls_silent))
        except ConnectionError:
            pass  # the client went first
        finally:
            writer.close()
            self.open -= 1
            if not self.open:
                self.all_gone.set()


@asynccontextmanager
async def raw_server(script: Script, context: ssl.SSLContext | None = None) -> AsyncIterator[RawServer]:
    """A raw server on a free port of loopback; with a TLS context it speaks TLS."""
    served = RawServer(script)
    connections: set[asyncio.Task[None]] = set()

    def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.ensure_future(served.serve(reader, writer))
        connections.add(task)
        task.add_done_callback(connections.discard)

    server = await asyncio.start_server(accept, "127.0.0.1", 0, ssl=context, backlog=BACKLOG)
    served.port = server.sockets[0].getsockname()[1]
    try:
        yield served
    finally:
        server.close()
        for task in list(connections):
            task.cancel()
        await asyncio.gather(*connections, return_exceptions=True)
        await server.wait_closed()


def answering(body: bytes, status: str = "200 OK", headers: str = "") -> Script:
    """Answer every request on every connection with this."""

    async def script(peer: Peer) -> None:
        while await peer.request():
            await peer.answer(body, status, headers)

    return script


def saying(raw: bytes) -> Script:
    """Take one request, send these bytes, and close."""

    async def script(peer: Peer) -> None:
        await peer.request()
        await peer.send(raw)

    return script


async def silent(peer: Peer) -> None:
    """Take everything and never answer."""
    await peer.request()
    await peer.gone()


async def reset_after_request(peer: Peer) -> None:
    """Take one request and reset the connection."""
    await peer.request()
    peer.reset()


async def reset_at_once(peer: Peer) -> None:
    """Reset the connection as soon as it is there."""
    peer.reset()

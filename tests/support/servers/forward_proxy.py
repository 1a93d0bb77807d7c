"""A forward proxy small enough for a test: absolute URLs are fetched, CONNECT is tunnelled, strangers get 407."""

import asyncio
import base64
from urllib.parse import urlsplit

from tests.support.servers.raw_server import Peer


class ForwardProxy:
    """The script of a raw server. `requests` are the request lines it saw."""

    def __init__(self, user: str = "", password: str = "") -> None:
        self._credentials = f"{user}:{password}" if user else ""
        self.requests: list[str] = []

    async def __call__(self, peer: Peer) -> None:
        request = await peer.request()
        head, _, body = request.partition(b"\r\n\r\n")
        line, *headers = head.decode().split("\r\n")
        self.requests.append(line)
        if not self._knows(headers):
            await peer.answer(b"", "407 Proxy Authentication Required", 'Proxy-Authenticate: Basic realm="proxy"\r\n')
            return
        method, address, version = line.split(" ")
        if method == "CONNECT":
            host, _, port = address.partition(":")
            await self._tunnel(peer, host, int(port), b"", b"HTTP/1.1 200 Connection established\r\n\r\n")
            return
        url = urlsplit(address)
        kept = [name for name in headers if not name.lower().startswith(("proxy-", "connection:"))]
        path = f"{url.path or '/'}{'?' + url.query if url.query else ''}"
        forwarded = "\r\n".join([f"{method} {path} {version}", *kept, "Connection: close"])
        await self._tunnel(peer, url.hostname or "", url.port or 80, forwarded.encode() + b"\r\n\r\n" + body, b"")

    def _knows(self, headers: list[str]) -> bool:
        expected = base64.b64encode(self._credentials.encode()).decode()
        return not self._credentials or f"Proxy-Authorization: Basic {expected}" in headers

    async def _tunnel(self, peer: Peer, host: str, port: int, first: bytes, greeting: bytes) -> None:
        reader, writer = await asyncio.open_connection(host, port)
        try:
            writer.write(first)
            await peer.send(greeting)
            back = asyncio.ensure_future(_copy(reader, peer))
            forth = asyncio.ensure_future(_forward(peer.reader, writer))
            await asyncio.wait({back, forth}, return_when=asyncio.FIRST_COMPLETED)
            for task in (back, forth):
                task.cancel()
            await asyncio.gather(back, forth, return_exceptions=True)
        finally:
            writer.close()


async def _copy(reader: asyncio.StreamReader, peer: Peer) -> None:
    while chunk := await reader.read(65536):
        await peer.send(chunk)


async def _forward(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while chunk := await reader.read(65536):
        writer.write(chunk)
        await writer.drain()

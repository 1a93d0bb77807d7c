"""The engine of httptools, for nearly every request: a whole body, straight to its host, over HTTP/1.1.

All others (streams, forward proxies, HEAD, addresses that need a second look) are left to aiohttp's engine.
"""

import asyncio
from collections.abc import Mapping
from contextlib import AbstractAsyncContextManager

from esb.outgoing.engine import Answer, ExchangeError, OutOfTime, PreparedRequest, Request, StreamedAnswer, Tls
from esb.outgoing.engines.aiohttp import AiohttpEngine
from esb.outgoing.engines.connection import INSTALLED as INSTALLED
from esb.outgoing.engines.connection import Connection
from esb.outgoing.engines.pool import Origin, Origins
from esb.outgoing.engines.request_head import Head, is_plain

METHODS = frozenset({"GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
REPEATABLE = frozenset({"GET", "OPTIONS", "PUT", "DELETE"})


class HttptoolsEngine:
    """An engine that keeps connections for reuse; the client bounds their number, as with aiohttp's."""

    def __init__(self) -> None:
        self._other = AiohttpEngine()
        self._origins: Origins | None = None

    def open(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._origins = Origins(self._loop)
        self._other.open()

    async def close(self) -> None:
        if self._origins is not None:
            await self._origins.close()
        await self._other.close()

    def prepare(
        self, method: str, url: str, names: tuple[str, ...], proxy: str | None, tls: Tls | None, guarded: bool
    ) -> PreparedRequest:
        end = url.find("/", 8)
        address, target = (url[:end], url[end:]) if end > 0 else (url, "/")
        if self._origins is not None and proxy is None and method in METHODS and is_plain(target, names):
            origin = self._origins.find(address, tls, guarded)
            if origin is not None:
                return HttptoolsPreparedRequest(self._loop, origin, Head(method, target, origin.address, names), method)
        return self._other.prepare(method, url, names, proxy, tls, guarded)

    def stream(self, request: Request) -> AbstractAsyncContextManager[StreamedAnswer]:
        return self._other.stream(request)


class HttptoolsPreparedRequest:
    """Requests of one kind: to this origin, with this head."""

    def __init__(self, loop: asyncio.AbstractEventLoop, origin: Origin, head: Head, method: str) -> None:
        self._loop = loop
        self._origin = origin
        self._head = head
        self._is_repeatable = method in REPEATABLE

    async def fetch(self, headers: Mapping[str, str], body: bytes | None, seconds: float) -> Answer:
        raw = self._head.of(headers, len(body) if body else 0)
        now = self._loop.time()
        deadline = now + seconds
        connection = self._origin.taken(now)
        kept = connection is not None
        while True:
            if connection is None:
                connection = await self._origin.connected(self._loop, deadline)
            try:
                answer = await connection.ask(raw, body, deadline)
                break
            except BaseException as error:  # whoever leaves must not leave an answer behind for the next
                connection.abort()
                if not (kept and self._is_repeatable and _was_closed(connection, error)):
                    raise
            connection, kept = None, False
        if connection.is_open:
            self._origin.keep(connection, self._loop.time())
        else:
            connection.abort()
        return answer


def _was_closed(connection: Connection, error: BaseException) -> bool:
    """Return whether a kept connection was closed before a byte came over it, so that a new one may be asked.

    A server may close a connection while a request is on its way. Nobody knows then whether it was read.
    """
    return isinstance(error, ExchangeError) and not isinstance(error, OutOfTime) and not connection.heard

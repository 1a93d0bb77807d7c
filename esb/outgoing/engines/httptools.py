"""The engine of httptools, for nearly every request: a whole body, straight to its host, over HTTP/1.1.

All others (streams, forward proxies, HEAD, addresses that need a second look) are left to aiohttp's engine.
"""

import asyncio
from collections.abc import Collection, Mapping
from contextlib import AbstractAsyncContextManager
from functools import lru_cache

from esb.outgoing.engine import (
    CANNOT_BE_SENT,
    Answer,
    ExchangeError,
    OutOfTime,
    PreparedRequest,
    Request,
    RequestKind,
    StreamedAnswer,
)
from esb.outgoing.engines.aiohttp import AiohttpEngine
from esb.outgoing.engines.connection import INSTALLED as INSTALLED
from esb.outgoing.engines.connection import Connection
from esb.outgoing.engines.pool import Origin, Origins

METHODS = frozenset({"GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
REPEATABLE = frozenset({"GET", "OPTIONS", "PUT", "DELETE"})

BODILESS = frozenset({"GET", "DELETE", "OPTIONS"})
FRAMING = frozenset({"host", "content-length", "transfer-encoding", "connection", "expect", "upgrade", "te", "trailer"})
"""Headers that say where a request ends or how it travels: whoever sets one is left to aiohttp."""
OWN: Mapping[str, str] = {
    "accept": "Accept: */*\r\n",
    "accept-encoding": "Accept-Encoding: identity\r\n",  # small answers: packing them costs more than it saves
    "user-agent": "User-Agent: esb-gateway\r\n",
}


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

    def prepare(self, kind: RequestKind) -> PreparedRequest:
        method, url = kind.method, kind.url
        end = url.find("/", 8)
        address, target = (url, "/") if end == -1 else (url[:end], url[end:])
        if self._origins is not None and kind.proxy is None and method in METHODS and is_plain(target, kind.names):
            origin = self._origins.find(address, kind.tls, kind.guarded, kind.bounds)
            if origin is not None:
                head = Head(method, target, origin.address, kind.names)
                return HttptoolsPreparedRequest(self._loop, origin, head, method)
        return self._other.prepare(kind)

    def stream(self, request: Request) -> AbstractAsyncContextManager[StreamedAnswer]:
        return self._other.stream(request)


class Head:
    """The head of every request with this method, to this target, with headers of these names."""

    __slots__ = ("_sized", "_start")

    def __init__(self, method: str, target: str, host: str, names: Collection[str]) -> None:
        given = {name.lower() for name in names}
        own = "".join([line for name, line in OWN.items() if name not in given])
        self._start = f"{method} {target} HTTP/1.1\r\nHost: {host}\r\n{own}"
        self._sized = method not in BODILESS

    def of(self, headers: Mapping[str, str], size: int) -> bytes:
        """Return the head with these headers, before a body of so many bytes. ExchangeError if it cannot be sent."""
        text = self._start
        for name, value in headers.items():
            if "\r" in value or "\n" in value or "\0" in value:
                raise ExchangeError(CANNOT_BE_SENT, sent=False)
            text = f"{text}{name}: {value}\r\n"
        try:
            return (text + _end(size) if size or self._sized else text + "\r\n").encode()
        except UnicodeEncodeError:
            pass
        raise ExchangeError(CANNOT_BE_SENT, sent=False)  # outside the except clause: what it caught quotes the head


@lru_cache(maxsize=1024)
def _end(size: int) -> str:
    return f"Content-Length: {size}\r\n\r\n"


def is_plain(target: str, names: Collection[str]) -> bool:
    """Return whether nothing about this target and these headers is better left to aiohttp."""
    if "#" in target or " " in target or not (target.isascii() and target.isprintable()):
        return False
    return "".join(names).isprintable() and FRAMING.isdisjoint([name.lower() for name in names])


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

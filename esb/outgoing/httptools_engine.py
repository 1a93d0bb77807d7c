"""The way out by httptools, for what nearly every request is: a whole body, straight to its host, over HTTP/1.1.

All else (streams, forward proxies, HEAD, addresses that need a second look) goes the way of aiohttp's client.
"""

import asyncio
import re
from collections import deque
from contextlib import AbstractAsyncContextManager, suppress
from functools import lru_cache

from yarl import URL

from esb.outgoing.aiohttp_engine import AiohttpEngine
from esb.outgoing.connecting import Connector
from esb.outgoing.connection import INSTALLED as INSTALLED
from esb.outgoing.connection import Connection
from esb.outgoing.exchange import Answer, Answering, ExchangeError, OutOfTime, Request, Tls
from esb.outgoing.heads import Head, is_plain

IDLE_SECONDS = 15.0
"""After so long without a request a connection is closed; many a server does so after 20."""
FOREVER = 366 * 86400.0
METHODS = frozenset({"GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
REPEATABLE = frozenset({"GET", "OPTIONS", "PUT", "DELETE"})
PLAIN = re.compile(r"https?://[^@?#\\\s]+")
MOST_ORIGINS = 1000
RECENT = 256
"""So many kinds of requests are remembered: the address, token and all, and the names of the headers."""


class Origin:
    """A server, and the connections to it that wait for another request, the freshest last."""

    def __init__(self, url: URL, tls: Tls | None, guarded: bool) -> None:
        self.scheme = url.scheme
        self.host = url.raw_host or ""
        self.port = url.port or 0
        self.tls = tls
        self.guarded = guarded
        host = f"[{self.host}]" if ":" in self.host else self.host
        self.address = host if url.is_default_port() else f"{host}:{self.port}"
        self.idle: deque[Connection] = deque()
        self.forgotten = False

    def taken(self, now: float) -> Connection | None:
        """A connection that is open, as far as anybody knows."""
        while self.idle:
            connection = self.idle.pop()
            if connection.is_reusable() and now - connection.idle_since < IDLE_SECONDS:
                return connection
            connection.abort()
        return None

    def swept(self, now: float) -> None:
        """Closes those that have waited long enough."""
        while self.idle and (not self.idle[0].is_reusable() or now - self.idle[0].idle_since >= IDLE_SECONDS):
            self.idle.popleft().abort()


class HttptoolsEngine:
    """Keeps connections for reuse; bounded by whoever asks, as with aiohttp's."""

    def __init__(self) -> None:
        self._other = AiohttpEngine()
        self._origins: dict[tuple[str, Tls | None, bool], Origin | None] = {}
        self._way = lru_cache(maxsize=RECENT)(self._new_way)
        self._sweep: asyncio.TimerHandle | None = None

    def open(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._connector = Connector()
        self._other.open()

    async def close(self) -> None:
        if self._sweep is not None:
            self._sweep.cancel()
        for origin in self._origins.values():
            while origin is not None and origin.idle:
                origin.idle.pop().abort()
        self._origins.clear()
        self._way.cache_clear()
        await self._connector.close()
        await self._other.close()

    def stream(self, request: Request) -> AbstractAsyncContextManager[Answering]:
        return self._other.stream(request)

    async def fetch(self, request: Request) -> Answer:
        body = request.body
        way = self._way(request.method, request.url, tuple(request.headers), request.tls, request.guarded)
        if way is None or request.proxy is not None or request.as_is or not (body is None or isinstance(body, bytes)):
            return await self._other.fetch(request)
        origin, head = way
        raw = head.of(request.headers, len(body) if body else 0)
        now = self._loop.time()
        deadline = now + (FOREVER if request.total is None else request.total)
        connection = origin.taken(now)
        while True:
            kept = connection is not None
            if connection is None:
                connection = await self._connected(origin, request, deadline)
            try:
                answer = await connection.ask(raw, body, deadline)
                break
            except BaseException as error:  # whoever leaves must not leave an answer behind for the next
                connection.abort()
                if not (kept and request.method in REPEATABLE and _was_closed(connection, error)):
                    raise
                connection = None
        if connection.is_open and not origin.forgotten:
            connection.idle_since = self._loop.time()
            origin.idle.append(connection)
            if self._sweep is None:
                self._sweep = self._loop.call_later(IDLE_SECONDS, self._swept)
        else:
            connection.abort()
        return answer

    async def _connected(self, origin: Origin, request: Request, deadline: float) -> Connection:
        connection = await self._connector.connect(
            origin.scheme,
            origin.host,
            origin.port,
            None if origin.tls is None else origin.tls.context,
            origin.guarded,
            min(request.connect, deadline - self._loop.time()),
        )
        if deadline <= self._loop.time():
            connection.abort()
            raise OutOfTime
        return connection

    def _swept(self) -> None:
        now = self._loop.time()
        waiting = False
        for origin in self._origins.values():
            if origin is not None:
                origin.swept(now)
                waiting = waiting or bool(origin.idle)
        self._sweep = self._loop.call_later(IDLE_SECONDS / 3, self._swept) if waiting else None

    def _new_way(
        self, method: str, url: str, names: tuple[str, ...], tls: Tls | None, guarded: bool
    ) -> tuple[Origin, Head] | None:
        """Where such requests go, and how they begin there; None, if they are left to aiohttp."""
        end = url.find("/", 8)
        address, target = (url[:end], url[end:]) if end > 0 else (url, "/")
        if method not in METHODS or not is_plain(target, names):
            return None
        origin = self._origin(address, tls, guarded)
        return None if origin is None else (origin, Head(method, target, origin.address, names))

    def _origin(self, address: str, tls: Tls | None, guarded: bool) -> Origin | None:
        key = (address, tls, guarded)
        if key not in self._origins:
            if len(self._origins) >= MOST_ORIGINS:
                self._forget()
            self._origins[key] = _plain(*key)
        return self._origins[key]

    def _forget(self) -> None:
        """Of those over which nothing is kept. Who is on the way there now keeps nothing either."""
        for key, origin in list(self._origins.items()):
            if origin is None or not origin.idle:
                del self._origins[key]
                if origin is not None:
                    origin.forgotten = True
        self._way.cache_clear()


def _plain(address: str, tls: Tls | None, guarded: bool) -> Origin | None:
    """The origin of this address, if there is nothing special about it."""
    if not address.isascii() or not PLAIN.fullmatch(address):
        return None
    with suppress(ValueError):
        url = URL(address, encoded=True)
        if url.raw_host and url.port:
            return Origin(url, tls, guarded)
    return None


def _was_closed(connection: Connection, error: BaseException) -> bool:
    """Whether a kept connection was closed before a word came over it, and nothing is lost by asking over a new one.

    A server may close a connection while a request is on its way. Nobody knows then whether it was read.
    """
    return isinstance(error, ExchangeError) and not isinstance(error, OutOfTime) and not connection.heard

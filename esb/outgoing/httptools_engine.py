"""The way out by httptools, for what nearly every request is: a whole body, straight to its host, over HTTP/1.1.

All else (streams, forward proxies, HEAD, addresses that need a second look) goes the way of aiohttp's client.
"""

import asyncio
import re
from collections import deque
from collections.abc import Mapping
from contextlib import AbstractAsyncContextManager, suppress

from yarl import URL

from esb.errors import Message
from esb.outgoing.aiohttp_engine import AiohttpEngine
from esb.outgoing.connecting import Connector
from esb.outgoing.connection import INSTALLED as INSTALLED
from esb.outgoing.connection import Connection
from esb.outgoing.exchange import Answer, Answering, ExchangeError, OutOfTime, Request, Tls

IDLE_SECONDS = 15.0
"""After so long without a request a connection is closed; many a server does so after 20."""
FOREVER = 366 * 86400.0
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
ALL_OWN = "".join(OWN.values())
CANNOT_BE_SENT = Message("the request cannot be sent: its address, its proxy or a header is not valid")
PLAIN = re.compile(r"https?://[^@?#\\\s]+")
MOST_ORIGINS = 1000


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

    def taken(self, now: float) -> Connection | None:
        """A connection that is open, as far as anybody knows."""
        while self.idle:
            connection = self.idle.pop()
            if connection.reusable and now - connection.idle_since < IDLE_SECONDS:
                return connection
            connection.abort()
        return None

    def swept(self, now: float) -> None:
        """Closes those that have waited long enough."""
        while self.idle and (not self.idle[0].reusable or now - self.idle[0].idle_since >= IDLE_SECONDS):
            self.idle.popleft().abort()


class HttptoolsEngine:
    """Keeps connections for reuse; bounded by whoever asks, as with aiohttp's."""

    def __init__(self) -> None:
        self._other = AiohttpEngine()
        self._origins: dict[tuple[str, Tls | None, bool], Origin | None] = {}
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
        await self._connector.close()
        await self._other.close()

    def stream(self, request: Request) -> AbstractAsyncContextManager[Answering]:
        return self._other.stream(request)

    async def fetch(self, request: Request) -> Answer:
        origin, target = self._origin(request)
        body = request.body
        if origin is None or not (body is None or isinstance(body, bytes)):
            return await self._other.fetch(request)
        head = _head(request, origin, target, body)
        if head is None:
            return await self._other.fetch(request)
        now = self._loop.time()
        deadline = now + (FOREVER if request.total is None else request.total)
        connection = origin.taken(now)
        if connection is not None:
            answer = await self._kept(connection, origin, request, head, body, deadline)
            if answer is not None:
                return answer
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
        return await self._exchange(connection, origin, head, body, deadline)

    async def _kept(
        self, connection: Connection, origin: Origin, request: Request, head: bytes, body: bytes | None, deadline: float
    ) -> Answer | None:
        """The answer over a connection that was kept; None if it was closed meanwhile and nothing is lost by a new one.

        A server may close a connection while a request is on its way. Nobody knows then whether it was read.
        """
        try:
            return await self._exchange(connection, origin, head, body, deadline)
        except OutOfTime:
            raise
        except ExchangeError:
            if connection.silent and request.method in REPEATABLE:
                return None
            raise

    async def _exchange(
        self, connection: Connection, origin: Origin, head: bytes, body: bytes | None, deadline: float
    ) -> Answer:
        try:
            answer = await connection.ask(head, body, deadline)
        except BaseException:  # whoever leaves must not leave an answer behind for the next
            connection.abort()
            raise
        if connection.reusable:
            connection.idle_since = self._loop.time()
            origin.idle.append(connection)
            if self._sweep is None:
                self._sweep = self._loop.call_later(IDLE_SECONDS, self._swept)
        else:
            connection.abort()
        return answer

    def _swept(self) -> None:
        now = self._loop.time()
        waiting = False
        for origin in self._origins.values():
            if origin is not None:
                origin.swept(now)
                waiting = waiting or bool(origin.idle)
        self._sweep = self._loop.call_later(IDLE_SECONDS / 3, self._swept) if waiting else None

    def _origin(self, request: Request) -> tuple[Origin | None, str]:
        """Where the request goes, and what it asks for there; no origin, if that is left to aiohttp."""
        url = request.url
        end = url.find("/", 8)
        address, target = (url[:end], url[end:]) if end > 0 else (url, "/")
        if request.proxy is not None or request.as_is or request.method not in METHODS or "#" in target:
            return None, ""
        key = (address, request.tls, request.guarded)
        if key in self._origins:
            return self._origins[key], target
        if len(self._origins) >= MOST_ORIGINS:
            self._forget()
        origin = self._origins[key] = _plain(*key)
        return origin, target

    def _forget(self) -> None:
        for key in [key for key, origin in self._origins.items() if origin is None or not origin.idle]:
            del self._origins[key]


def _plain(address: str, tls: Tls | None, guarded: bool) -> Origin | None:
    """The origin of this address, if there is nothing special about it."""
    if not address.isascii() or not PLAIN.fullmatch(address):
        return None
    with suppress(ValueError):
        url = URL(address, encoded=True)
        if url.raw_host and url.port:
            return Origin(url, tls, guarded)
    return None


def _head(request: Request, origin: Origin, target: str, body: bytes | None) -> bytes | None:
    """The request line and the headers; None if they are aiohttp's affair. ExchangeError if they cannot be sent."""
    headers = request.headers
    named = {name.lower() for name in headers}
    if not named.isdisjoint(FRAMING) or " " in target or not (target.isascii() and target.isprintable()):
        return None
    own = ALL_OWN if named.isdisjoint(OWN) else "".join(OWN[name] for name in OWN.keys() - named)
    more = "".join([f"{name}: {value}\r\n" for name, value in headers.items()])
    if more.count("\r") != len(headers) or more.count("\n") != len(headers) or "\0" in more:
        raise ExchangeError(CANNOT_BE_SENT, sent=False)
    if body or request.method not in BODILESS:
        more = f"{more}Content-Length: {len(body or b'')}\r\n"
    try:
        return f"{request.method} {target} HTTP/1.1\r\nHost: {origin.address}\r\n{own}{more}\r\n".encode()
    except UnicodeEncodeError:
        pass
    raise ExchangeError(CANNOT_BE_SENT, sent=False)

"""The servers that the httptools engine talks to, and the connections to each that wait for another request."""

import asyncio
import re
from collections import deque
from contextlib import suppress
from weakref import WeakValueDictionary

from yarl import URL

from esb.outgoing.engine import DEFAULT_BOUNDS, HeadBounds, OutOfTime, Tls, connect_seconds
from esb.outgoing.engines.connection import Connection
from esb.outgoing.engines.connector import Connector

IDLE_SECONDS = 15.0
"""The seconds without a request after which a connection is closed; many a server does so after 20."""
PLAIN = re.compile(r"https?://[^@?#\\\s]+")
Key = tuple[str, Tls | None, bool, HeadBounds]


class Origin:
    """A server. `idle`: the connections to it that nobody uses now, the freshest last."""

    def __init__(self, origins: "Origins", url: URL, tls: Tls | None, guarded: bool, bounds: HeadBounds) -> None:
        self._origins = origins
        self._scheme = url.scheme
        self._host = url.raw_host or ""
        self._port = url.port or 0
        self._tls = tls
        self._guarded = guarded
        self._bounds = bounds
        host = f"[{self._host}]" if ":" in self._host else self._host
        self.address = host if url.is_default_port() else f"{host}:{self._port}"
        self.idle: deque[Connection] = deque()
        self.is_swept = False

    def taken(self, now: float) -> Connection | None:
        """Take a connection that is open, as far as anybody knows; None if there is none."""
        while self.idle:
            connection = self.idle.pop()
            if connection.is_reusable() and now - connection.idle_since < IDLE_SECONDS:
                return connection
            connection.abort()
        return None

    async def connected(self, loop: asyncio.AbstractEventLoop, deadline: float) -> Connection:
        """Open a new connection. OutOfTime at the deadline, NoConnection if there is none before."""
        seconds = connect_seconds(deadline - loop.time())
        connection = await self._origins.connector.connect(
            self._scheme, self._host, self._port, self._tls, self._guarded, seconds, self._bounds
        )
        if deadline <= loop.time():
            connection.abort()
            raise OutOfTime
        return connection

    def keep(self, connection: Connection, now: float) -> None:
        """Keep this connection for the next request, unless it is too old for one."""
        if now >= connection.ends_at:
            connection.abort()
            return
        connection.idle_since = now
        self.idle.append(connection)
        if not self.is_swept:
            self._origins.sweep(self)

    def close(self, until: float) -> None:
        """Close the connections that have been idle since then, and those that are of no use any more."""
        while self.idle and (self.idle[0].idle_since <= until or not self.idle[0].is_reusable()):
            self.idle.popleft().abort()


class Origins:
    """The origins that a prepared request refers to, or to which a connection is kept."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self.connector = Connector()
        self._known: WeakValueDictionary[Key, Origin] = WeakValueDictionary()
        self._swept: set[Origin] = set()
        self._timer: asyncio.TimerHandle | None = None

    def find(self, address: str, tls: Tls | None, guarded: bool, bounds: HeadBounds = DEFAULT_BOUNDS) -> Origin | None:
        """Return the origin of this address; None if there is something special about it."""
        key = (address, tls, guarded, bounds)
        origin = self._known.get(key)
        if origin is None and address.isascii() and PLAIN.fullmatch(address):
            with suppress(ValueError):
                url = URL(address, encoded=True)
                if url.raw_host and url.port:
                    origin = self._known[key] = Origin(self, url, tls, guarded, bounds)
        return origin

    def sweep(self, origin: Origin) -> None:
        """Close the connections of this origin some time after their last request."""
        origin.is_swept = True
        self._swept.add(origin)
        if self._timer is None:
            self._timer = self._loop.call_later(IDLE_SECONDS, self._sweep)

    def _sweep(self) -> None:
        until = self._loop.time() - IDLE_SECONDS
        for origin in list(self._swept):
            origin.close(until)
            if not origin.idle:
                origin.is_swept = False
                self._swept.discard(origin)
        self._timer = self._loop.call_later(IDLE_SECONDS / 3, self._sweep) if self._swept else None

    async def close(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        for origin in self._swept:
            while origin.idle:
                origin.idle.pop().abort()
        await self.connector.close()

"""HTTP of the standard library: connections that are kept and used again."""

import http.client
import select
import time
from collections import deque
from ssl import SSLContext, create_default_context
from urllib.parse import urlsplit

from esb.client.attempts import LARGEST_ANSWER, Exchange, Reply
from esb.client.errors import NoAnswer, cause

IDLE = 10
"""Connections that are kept for later calls; what is open beyond that is closed after its call."""
CHUNK = 64 * 1024


class Connections:
    """Connections to one server. Threads may share them: each call has one to itself."""

    def __init__(self, url: str, tls: SSLContext | None) -> None:
        parts = urlsplit(url)
        self._host, self._port = parts.hostname or "", parts.port
        self._tls = (tls or create_default_context()) if parts.scheme == "https" else None
        self._idle: deque[http.client.HTTPConnection] = deque()

    def close(self) -> None:
        while self._idle:
            self._idle.pop().close()

    def exchange(self, exchange: Exchange) -> Reply | NoAnswer:
        """Make a request, and return its answer, or why there is none."""
        until = time.monotonic() + exchange.seconds
        connection = self._kept() or self._new()
        try:
            connection.timeout = exchange.seconds
            if connection.sock is None:
                connection.connect()
        except (OSError, http.client.HTTPException) as error:
            connection.close()
            return NoAnswer(f"no connection: {cause(error)}", sent=False)
        try:
            connection.sock.settimeout(exchange.seconds)
            connection.request("POST", exchange.target, exchange.body, dict(exchange.headers))
            response = connection.getresponse()
            body = _body(connection, response, until)
        except (OSError, http.client.HTTPException) as error:
            connection.close()
            return NoAnswer(f"no answer: {cause(error)}", sent=True)
        if response.will_close or len(self._idle) >= IDLE:
            connection.close()
        else:
            self._idle.append(connection)
        return Reply(response.status, body)

    def _kept(self) -> http.client.HTTPConnection | None:
        """Return a connection that is still open, if there is one."""
        while self._idle:
            try:
                connection = self._idle.pop()
            except IndexError:  # another thread was quicker
                return None
            if connection.sock is not None and not select.select([connection.sock], [], [], 0)[0]:
                return connection
            connection.close()  # whoever is to be read from before the request has closed it
        return None

    def _new(self) -> http.client.HTTPConnection:
        if self._tls is None:
            return http.client.HTTPConnection(self._host, self._port)
        return http.client.HTTPSConnection(self._host, self._port, context=self._tls)


def _body(connection: http.client.HTTPConnection, response: http.client.HTTPResponse, until: float) -> bytes:
    """Read the answer within its time."""
    parts: list[bytes] = []
    size = 0
    while part := response.read1(CHUNK):
        size += len(part)
        left = until - time.monotonic()
        if size > LARGEST_ANSWER:
            raise http.client.HTTPException("the answer is too large")
        if left <= 0:
            raise TimeoutError("timed out")
        parts.append(part)
        if connection.sock is not None:
            connection.sock.settimeout(left)
    if response.length:
        raise http.client.IncompleteRead(b"", response.length)
    response.close()  # which lets the connection go, for another request
    return b"".join(parts)

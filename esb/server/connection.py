"""Connections: that of the public listener, on which all is answered by an envelope, and what all listeners' share."""

import asyncio
from abc import ABC, abstractmethod
from itertools import islice
from typing import Any

from aiohttp import StreamReader, web
from aiohttp.abc import AbstractStreamWriter
from aiohttp.http import HttpVersion10, HttpVersion11, RawRequestMessage
from aiohttp.http_exceptions import HttpProcessingError, LineTooLong

from esb.core.errors import EsbError, HeadersTooLarge, Limited, TargetTooLong, Unreadable
from esb.incoming.admission import ArrivingHead
from esb.incoming.arrivals import counted_address
from esb.incoming.ingress import Ingress
from esb.server.lingering import LastResponse

LONGEST_TARGET = 8192
LONGEST_HEADER = 8190
"""Bytes. They differ, so that an error of aiohttp's parser tells by its limit what was too long."""
MOST_HEADERS = 128
SPOKEN = (HttpVersion11, HttpVersion10)
"""Versions of HTTP in which is answered; aiohttp would repeat whatever a request says."""
SMALL_HEAD = 16 * 1024
"""Bytes of a head that may hide behind a whole request unseen."""
TOO_MANY_HEADERS = "Too many headers received"
"""The words of aiohttp's parser."""


class BoundedConnection(web.RequestHandler, ABC):
    """A connection of any listener, on which requests have heads within bounds, and bugs alone are logged.

    aiohttp's own refusals quote the request and tell versions: subclasses make others.
    """

    __slots__ = ()

    def __init__(self, server: web.Server, **options: Any) -> None:
        super().__init__(
            server, max_line_size=LONGEST_TARGET, max_field_size=LONGEST_HEADER, max_headers=MOST_HEADERS, **options
        )

    def log_exception(self, *args: Any, **options: Any) -> None:
        """Log an exception, unless a client broke its body off, or broke it, after its request was answered."""
        if not isinstance(options.get("exc_info"), web.RequestPayloadError):
            super().log_exception(*args, **options)

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        """Return the answer to what could not be read or answered. ConnectionError if some of another one is out."""
        if request.writer.output_size > 0:
            self.log_exception("an answer broke off", exc_info=exc)
            raise ConnectionError
        response = self._refused(request, exc)
        response.force_close()
        if refusal(exc) is not None and isinstance(response, web.Response):
            return self._heard_out(response)
        return response

    def _heard_out(self, response: web.Response) -> web.Response:
        """Return the same answer to a request that is no HTTP, of which more may come: nobody reads it any more."""
        last = LastResponse(self._lingering_time, body=response.body, status=response.status, headers=response.headers)
        last.force_close()
        return last

    @abstractmethod
    def _refused(self, request: web.BaseRequest, error: BaseException | None) -> web.StreamResponse:
        """Return the answer to a request that could not be read or answered, for this reason."""


class Connection(BoundedConnection):
    """A connection whose every answer is an envelope, to what is no HTTP too."""

    __slots__ = ("_body", "_head", "_ingress", "_unfinished", "client_has_ended")

    def __init__(self, server: web.Server, ingress: Ingress, **options: Any) -> None:
        super().__init__(server, **options)
        self._ingress = ingress
        self._body: StreamReader | None = None
        """The body of the request that is answered now, or was answered last."""
        self._unfinished: StreamReader | None = None
        """The body of the request that came last, as long as more of it is to come."""
        self._head: ArrivingHead | None = None
        """The head that is on its way, if a part of it has come and the rest has not."""
        self._request_factory = self._request
        self.client_has_ended = False
        """True once the client has ended its own side, and is still to be answered."""

    @property
    def is_idle(self) -> bool:
        """True if nothing is answered or about to be: nothing has come, or not a whole head."""
        return self._waiter is not None and not self._messages

    @property
    def has_asked(self) -> bool:
        """True if a whole request has ever come."""
        return self._request_count > 0

    @property
    def idle_until(self) -> float:
        """The time of the event loop at which an idle connection is closed anyway."""
        return self._next_keepalive_close_time

    def retire(self) -> None:
        """Let the answer to the next request be the last on this connection, and say so."""
        self._request_factory = self._last_request

    def _last_request(self, message: RawRequestMessage, *others: Any) -> web.BaseRequest:
        return self._request(message._replace(should_close=True), *others)

    def _request(
        self,
        message: RawRequestMessage,
        payload: StreamReader,
        protocol: web.RequestHandler,
        writer: AbstractStreamWriter,
        task: "asyncio.Task[None]",
    ) -> web.BaseRequest:
        self._body = payload
        if message.version not in SPOKEN:
            message = message._replace(version=HttpVersion11)
        return web.BaseRequest(message, payload, protocol, writer, task, self._loop)

    def data_received(self, data: bytes) -> None:
        before, body = self._request_count, self._unfinished
        if body is not None:
            self._body_comes(data, body)
            return
        _received(self, data)
        if self._request_count == before + 1 and self._head is None and len(data) <= SMALL_HEAD:  # nearly always
            last = self._messages[-1][1]
            if not last.is_eof():
                self._unfinished = last
            if self._waiter is None:
                self._end_broken_body()
        elif self._request_count != before:
            self._came_whole(self._request_count - before, len(data))
        elif data and not self._upgraded:  # none when aiohttp goes on where it had paused
            self._head_comes(len(data))

    def _body_comes(self, data: bytes, body: StreamReader) -> None:
        """Take data that begins with more of this body."""
        before, had = self._request_count, body.total_bytes
        _received(self, data)
        behind = len(data) - body.total_bytes + had
        if self._request_count != before:
            self._came_whole(self._request_count - before, behind)
        elif body.is_eof():
            self._unfinished = None
            self._look_behind(0, behind)

    def _came_whole(self, number: int, came: int) -> None:
        """Take in that this number of heads is whole, in so many bytes that came."""
        last = self._messages[-1][1]
        self._unfinished = None if last.is_eof() else last
        if self._head is not None:
            self._end_head()
        if self._waiter is None:
            self._end_broken_body()
        if came > SMALL_HEAD:
            self._look_behind(number, came)

    def connection_lost(self, error: BaseException | None) -> None:
        super().connection_lost(error)
        if self._head is not None:
            self._end_head()

    def _look_behind(self, number: int, came: int) -> None:
        """Look whether more has come (bytes) than the last requests of this number: the beginning of another head."""
        size = came - sum(_size(message, payload) for message, payload in islice(reversed(self._messages), number))
        if size > SMALL_HEAD and self._unfinished is None:
            self._head_comes(size)

    def _head_comes(self, size: int) -> None:
        """Count so many bytes of a head that is not whole. Without room for them the connection ends."""
        if self._close or self._force_close:
            return
        if self._head is None:
            ingress = self._ingress
            remote = self.peername
            address = counted_address(remote[0] if isinstance(remote, tuple) else "", ingress.trusted_proxies)
            self._head = ArrivingHead(ingress.admission, address, self.force_close)
        try:
            self._head.add(size)
        except Limited:
            self.force_close()

    def _end_head(self) -> None:
        head, self._head = self._head, None
        assert head is not None  # noqa: S101 - both callers have looked
        head.end()

    def _end_broken_body(self) -> None:
        """Tell a call that waits for its body that what came is none: aiohttp's parser tells the next one only."""
        body, (message, _) = self._body, self._messages[-1]
        if body is not None and not body.is_eof() and not isinstance(message, RawRequestMessage):
            self._messages.pop()
            body.set_exception(web.RequestPayloadError())
            self._lingering_time = 0.0  # nothing of this body is waited for any more
            self.close()

    def eof_received(self) -> bool:  # type: ignore[override]  # asyncio asks for it; aiohttp says None, which is false
        """Keep the connection of a client that only ended its own side, until what it asked for first is answered."""
        if self._payload_parser is not None:  # of a WebSocket: who leaves it says so in a frame, and then goes
            self._payload_parser.feed_eof()
            return False
        body = self._body
        if self._waiter is not None:  # nothing is being answered; it may be just about to be
            body = self._messages[0][1] if self._messages else None
        if body is None or not body.is_eof():
            return False
        self.client_has_ended = True
        self.close()  # after this answer
        return True

    def _refused(self, request: web.BaseRequest, error: BaseException | None) -> web.StreamResponse:
        reason = refusal(error) or error
        return self._ingress.refuse(request, reason if isinstance(reason, Exception) else TimeoutError())


def _size(message: RawRequestMessage | Any, payload: StreamReader) -> int:
    """Return about how many bytes a request took on the wire, its request line left out."""
    headers = getattr(message, "raw_headers", ())
    return payload.total_bytes + sum(len(name) + len(value) + len(": \r\n") for name, value in headers)


_received = web.RequestHandler.data_received


def refusal(error: BaseException | None) -> EsbError | None:
    """Return what a caller is told of an error of aiohttp's parser; None for any other."""
    if not isinstance(error, HttpProcessingError):
        return None
    if isinstance(error, LineTooLong):
        _, limit, *_ = error.args
        if limit == LONGEST_TARGET:
            return TargetTooLong(
                "Parameters error, the address of the request is longer than {limit} bytes", limit=limit
            )
        return HeadersTooLarge("Parameters error, a header of the request is longer than {limit} bytes", limit=limit)
    if error.message == TOO_MANY_HEADERS:
        return HeadersTooLarge("Parameters error, the request has more than {limit} headers", limit=MOST_HEADERS)
    return Unreadable("Parameters error, the request is not valid HTTP")

"""Connections: that of the public listener, on which all is answered by an envelope, and what all listeners' share."""

import asyncio
from typing import Any

from aiohttp import StreamReader, web
from aiohttp.abc import AbstractStreamWriter
from aiohttp.http import HttpVersion10, HttpVersion11, RawRequestMessage
from aiohttp.http_exceptions import HttpProcessingError, LineTooLong

from esb.core.errors import EsbError, HeadersTooLarge, TargetTooLong, Unreadable
from esb.incoming.ingress import Ingress

LONGEST_TARGET = 8192
LONGEST_HEADER = 8190
"""Bytes. They differ, so that an error of aiohttp's parser tells by its limit what was too long."""
MOST_HEADERS = 128
SPOKEN = (HttpVersion11, HttpVersion10)
"""Versions of HTTP in which is answered; aiohttp would repeat whatever a request says."""
TOO_MANY_HEADERS = "Too many headers received"
"""The words of aiohttp's parser."""


class BoundedConnection(web.RequestHandler):
    """A connection of any listener, on which requests have heads within bounds, and bugs alone are logged."""

    __slots__ = ()

    def __init__(self, server: web.Server, **options: Any) -> None:
        super().__init__(
            server, max_line_size=LONGEST_TARGET, max_field_size=LONGEST_HEADER, max_headers=MOST_HEADERS, **options
        )

    def log_exception(self, *args: Any, **options: Any) -> None:
        """Log an exception, unless a client broke its body off, or broke it, after its request was answered."""
        if not isinstance(options.get("exc_info"), web.RequestPayloadError):
            super().log_exception(*args, **options)


class Connection(BoundedConnection):
    """A connection whose every answer is an envelope, to what is no HTTP too: aiohttp's own quotes the request."""

    __slots__ = ("_body", "_ingress")

    def __init__(self, server: web.Server, ingress: Ingress, **options: Any) -> None:
        super().__init__(server, **options)
        self._ingress = ingress
        self._body: StreamReader | None = None
        """The body of the request that is answered now, or was answered last."""
        self._request_factory = self._request

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
        _received(self, data)
        if self._messages and self._waiter is None:
            self._end_broken_body()

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
        body = self._body
        if self._waiter is not None:  # nothing is being answered; it may be just about to be
            body = self._messages[0][1] if self._messages else None
        if body is None or not body.is_eof():
            return False
        self.close()  # after this answer
        return True

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        """Return the envelope for what could not be read. ConnectionError if some of another answer is out already."""
        if request.writer.output_size > 0:
            self.log_exception("an answer broke off", exc_info=exc)
            raise ConnectionError
        error = refusal(exc) or exc
        response = self._ingress.refuse(request, error if isinstance(error, Exception) else TimeoutError())
        response.force_close()
        return response


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

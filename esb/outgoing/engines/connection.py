"""One HTTP/1.1 connection of the httptools engine: an exchange at a time, everything bounded, nothing guessed."""

import asyncio
import math
import ssl
import zlib
from collections.abc import Mapping
from functools import partial
from typing import cast

from esb.core.errors import Message
from esb.outgoing.engine import (
    DEFAULT_BOUNDS,
    MAX_ANSWER,
    MOST_SECONDS,
    Answer,
    ExchangeError,
    HeadBounds,
    NoConnection,
    OutOfTime,
    has_dirty_end,
    headers_too_large,
)
from esb.outgoing.engines.answer_head import RawHeaders, headers, raw_headers, response_parser
from esb.outgoing.engines.tls_failure import tls_failure

try:
    import httptools
except ImportError:  # pragma: no cover - tests/project/test_fallbacks.py runs a gateway without it
    httptools = None  # type: ignore[assignment]  # INSTALLED tells

INSTALLED = httptools is not None
LONGEST_HEAD = 64 * 1024
"""Bytes of a head within the default bounds; beyond them it is no valid answer."""
WITHOUT_BODY = frozenset({204, 304})
"""Statuses of answers behind whose head nothing may come; if something does, the answer is good all the same."""
GZIP = zlib.MAX_WBITS + 16
CODING = b"content-encoding"
WINDOWS: Mapping[bytes, int] = {b"gzip": GZIP, b"deflate": zlib.MAX_WBITS}
"""The window size by which zlib knows the form of each content coding."""
PIECE = 2**16
MOST_MEMBERS = 1000
"""The compressed streams that one body may be made of."""
NEVER = math.inf
CLOSED = Message("the connection was closed before the response was complete")
TOO_LARGE = Message("the response is too large")
NO_HTTP = Message("the response is not valid HTTP")


class Connection(asyncio.Protocol):
    """A connection. `ask` is called again only when the last answer has come and `is_reusable`."""

    def __init__(self, loop: asyncio.AbstractEventLoop, bounds: HeadBounds = DEFAULT_BOUNDS) -> None:
        self._loop = loop
        self._bounds = bounds
        self._longest_value = bounds.value
        self._longest_head = max(LONGEST_HEAD, bounds.value * 8)
        self._transport: asyncio.Transport
        self._waiting: asyncio.Future[Answer] | None = None
        self._answer: Answer | None = None
        self._deadline: float
        self._alarm: asyncio.TimerHandle | None = None
        self._rings_at = NEVER
        self.is_open: bool
        self.ends_at = loop.time() + MOST_SECONDS
        self.idle_since: float
        self.heard: int
        """The bytes that have come in answer to the last request."""
        self._in_head: bool
        self._suspicious: bool
        self._head: list[bytes]
        """The pieces that came until the head was complete, then all in one; the last may hold some of the body."""
        self._coding = b""
        self._body: list[bytes] = []
        self.on_body = self._body.append
        self._parser = response_parser(self)

    def is_reusable(self) -> bool:
        """Return whether another request may go this way."""
        return self.is_open and self._waiting is None and not self._transport.is_closing()

    def ask(self, head: bytes, body: bytes | None, deadline: float) -> "asyncio.Future[Answer]":
        """Send a request. The answer fails with ExchangeError only; whoever gives up waiting for it calls `abort`."""
        self.heard = 0
        self._in_head = True
        self._suspicious = False
        self._head = []
        self._deadline = deadline
        if deadline < self._rings_at:
            self._watch()
        waiting = self._waiting = self._loop.create_future()
        if not body:
            self._transport.write(head)
        elif len(body) < MOST_JOINED:
            self._transport.write(head + body)
        else:
            self._transport.writelines([head, body])
        return waiting

    def abort(self) -> None:
        """Close the connection at once, whatever is under way."""
        self.is_open = False
        self._unwatch()
        self._transport.abort()

    # Time. One alarm serves many exchanges: it is set again only when it would ring too late, or has rung too early.
    # Bench: send, gateway:httptools.

    def _watch(self) -> None:
        self._unwatch()
        self._rings_at = self._deadline
        self._alarm = self._loop.call_at(self._deadline, self._ring)

    def _unwatch(self) -> None:
        if self._alarm is not None:
            self._alarm.cancel()
        self._alarm = None
        self._rings_at = NEVER

    def _ring(self) -> None:
        self._unwatch()
        if self._waiting is None:
            return
        if self._loop.time() < self._deadline:
            self._watch()
        else:
            self._fail(OutOfTime())

    # What the event loop tells

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's is no subclass of it
        self.is_open = True

    def data_received(self, data: bytes) -> None:
        if self._waiting is None:
            self.abort()  # nobody asked
            return
        self.heard += len(data)
        if self._in_head:
            self._head.append(data)
            if self.heard > self._longest_value or data.find(b"\0") >= 0:
                self._suspicious = True
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade):
            if self._answer is None or self._answer.status not in WITHOUT_BODY:
                self._fail(ExchangeError(NO_HTTP))
            self.is_open = False
        if self._answer is not None:
            self._deliver(self._answer)  # not before all that came is known to be good
        elif self._in_head and self.heard > self._longest_head:
            self._fail(ExchangeError(headers_too_large(self._bounds)))
        elif self.heard > MAX_ANSWER:
            self._body[:] = [b"".join(self._body)]
            if len(self._body[0]) > MAX_ANSWER:
                self._fail(ExchangeError(TOO_LARGE))

    def connection_lost(self, error: Exception | None) -> None:
        self.is_open = False
        self._unwatch()
        if self._waiting is None:
            return
        ends_here = not self._in_head and not self._parser.should_keep_alive() and ends_with_connection(self._head[0])
        if error is None and ends_here:
            self.on_message_complete()
        if self._answer is not None:
            self._deliver(self._answer)
        elif isinstance(error, ssl.SSLError):
            self._fail(NoConnection(tls_failure(error)))  # with TLS 1.3 a server says so once the client has begun
        else:
            self._fail(ExchangeError(CLOSED))

    # What the parser tells; of the body it tells the list of its pieces

    def on_message_begin(self) -> None:
        if self._answer is not None:
            self.is_open = False  # more than one answer to one request
        self._in_head = True
        self._coding = b""

    def on_headers_complete(self) -> None:
        self._in_head = False
        if len(self._head) > 1:
            self._head = [b"".join(self._head)]
        head = self._head[0]
        if self._suspicious or head.count(b"\n") > self._bounds.headers or CODING in head.lower():
            self._look_at(raw_headers(head))

    def _look_at(self, heads: list[RawHeaders]) -> None:
        """Note the coding of the body, or fail. Most heads give no cause to be looked at."""
        bounds = self._bounds
        if any(0 in value for head in heads for _, value in head):
            self._fail(ExchangeError(NO_HTTP))
        elif any(len(head) > bounds.headers for head in heads) or any(
            len(value) > bounds.value for head in heads for _, value in head
        ):
            self._fail(ExchangeError(headers_too_large(bounds)))
        for name, value in heads[-1]:
            if name.lower() == CODING:
                self._coding = value

    def on_message_complete(self) -> None:
        status = self._parser.get_status_code()
        if status < 200:
            self._in_head = True  # this was news, no answer
            return
        ends = not self._parser.should_keep_alive() or self._transport.get_write_buffer_size()
        if ends or (status == 204 and has_dirty_end(self._head[0])):
            self.is_open = False
        pieces = self._body
        body = pieces[0] if len(pieces) == 1 else b"".join(pieces)
        pieces.clear()
        if self._coding or len(body) > MAX_ANSWER:
            try:
                body = unpacked(body, self._coding)
            except ExchangeError as error:
                self._fail(error)
                return
        if self._answer is None:
            self._answer = Answer(status, partial(headers, self._head[0]), body)

    # The end of an exchange

    def _deliver(self, answer: Answer) -> None:
        waiting, self._waiting, self._answer = self._waiting, None, None
        if waiting is not None and not waiting.done():
            waiting.set_result(answer)

    def _fail(self, error: ExchangeError) -> None:
        waiting, self._waiting, self._answer = self._waiting, None, None
        self.abort()
        if waiting is not None and not waiting.done():
            waiting.set_exception(error)


MOST_JOINED = 64 * 1024
"""The size in bytes up to which a body is copied to its head, to go out as one."""


def ends_with_connection(head: bytes) -> bool:
    """Return whether the body's end is the connection's: no length, and not in chunks."""
    named = [(name.lower(), value) for name, value in raw_headers(head)[-1]]
    codings = [value for name, value in named if name == b"transfer-encoding"]
    if codings:
        return codings[-1].rpartition(b",")[2].strip().lower() != b"chunked"
    return all(name != b"content-length" for name, _ in named)


def unpacked(body: bytes, coding: bytes) -> bytes:
    """Return this body without its coding. ExchangeError if it cannot be decoded, or holds too much."""
    if len(body) > MAX_ANSWER:
        raise ExchangeError(TOO_LARGE)
    window = WINDOWS.get(coding.rstrip(b" \t").lower())
    return body if window is None or not body else _unpacked(body, window)


def _unpacked(body: bytes, window: int) -> bytes:
    """Return the contents of this compressed stream, or of several one after another."""
    if window == zlib.MAX_WBITS and body[0] & 0x0F != zlib.DEFLATED:
        window = -window  # deflate without the frame that belongs to it, as some servers send it
    pieces: list[bytes] = []
    room = MAX_ANSWER + 1
    members, packed = 1, zlib.decompressobj(window)
    for start in range(0, len(body), PIECE):  # a piece, since what follows a stream is copied, time and again
        rest = body[start : start + PIECE]
        while rest:
            if packed.eof:
                members, packed = members + 1, zlib.decompressobj(window)
            try:
                piece = packed.decompress(rest, room)
            except zlib.error:
                raise ExchangeError(NO_HTTP) from None
            room -= len(piece)
            if room <= 0 or members > MOST_MEMBERS:
                raise ExchangeError(TOO_LARGE)
            pieces.append(piece)
            rest = packed.unused_data
    if not packed.eof and window != GZIP:  # as aiohttp: gzip without all of its checksum is read all the same
        raise ExchangeError(NO_HTTP)
    return b"".join(pieces)

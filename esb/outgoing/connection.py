"""One HTTP/1.1 connection of the httptools engine: an exchange at a time, everything bounded, nothing guessed."""

import asyncio
import zlib
from collections.abc import Mapping, Sequence
from typing import cast

from multidict import CIMultiDict

from esb.errors import Message
from esb.outgoing.exchange import MAX_ANSWER, Answer, ExchangeError, OutOfTime

try:
    import httptools
except ImportError:  # pragma: no cover - tests/test_fallbacks.py runs a gateway without it
    httptools = None  # type: ignore[assignment]  # INSTALLED tells

INSTALLED = httptools is not None
LONGEST_HEAD = 64 * 1024
LONGEST_VALUE = 8190
MOST_HEADERS = 128
"""A head beyond these is no answer that anybody waits for."""
BODILESS = frozenset({204, 304})
GZIP = zlib.MAX_WBITS | 16
WINDOWS: Mapping[str, int] = {"gzip": GZIP, "deflate": zlib.MAX_WBITS}
"""What zlib calls the form of each content coding."""
NO_CODING = ("identity",)
CLOSED = Message("the connection was closed before the response was complete")
TOO_LARGE = Message("the response is too large")
NO_HTTP = Message("the response is not valid HTTP")


class Connection(asyncio.Protocol):
    """`ask` is called again only when the last answer has come and `reusable` is true."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._transport: asyncio.Transport
        self._parser = httptools.HttpResponseParser(self)
        # What aiohttp's parser, the same llhttp, lets pass in production too.
        self._parser.set_dangerous_leniencies(
            lenient_headers=True, lenient_optional_cr_before_lf=True, lenient_spaces_after_chunk_size=True
        )
        self._waiting: asyncio.Future[Answer] | None = None
        self._alarm: asyncio.TimerHandle | None = None
        self._deadline = 0.0
        self.idle_since = 0.0
        self.is_open = False
        self._heard = 0
        self._answer: Answer | None = None
        self._begin()

    def _begin(self) -> None:
        self._status = 0
        self._headers: list[tuple[str, str]] = []
        self._body: list[bytes] = []
        self._size = 0
        self._head_size = 0
        self._in_head = True
        self._until_closed = False

    @property
    def reusable(self) -> bool:
        """Whether another request may go this way."""
        return self.is_open and self._waiting is None and not self._transport.is_closing()

    @property
    def silent(self) -> bool:
        """Whether nothing at all has come in answer to the last request."""
        return not self._heard

    def ask(self, head: bytes, body: bytes | None, deadline: float) -> "asyncio.Future[Answer]":
        """The answer to this request. It fails with ExchangeError only; whoever gives up waiting calls `abort`."""
        self._heard = self._head_size = 0
        self._in_head = True
        waiting = self._waiting = self._loop.create_future()
        self._watch(deadline)
        if not body:
            self._transport.write(head)
        elif len(body) < MOST_JOINED:
            self._transport.write(head + body)
        else:
            self._transport.writelines([head, body])
        return waiting

    def abort(self) -> None:
        """Closes the connection at once, whatever is under way."""
        self.is_open = False
        if self._alarm is not None:
            self._alarm.cancel()
            self._alarm = None
        self._transport.abort()

    # Time. One alarm serves many exchanges: it is set again only when it would ring too late, or has rung too early.

    def _watch(self, deadline: float) -> None:
        self._deadline = deadline
        if self._alarm is not None:
            if self._alarm.when() <= deadline:
                return
            self._alarm.cancel()
        self._alarm = self._loop.call_at(deadline, self._ring)

    def _ring(self) -> None:
        self._alarm = None
        if self._waiting is None:
            return
        if self._loop.time() < self._deadline:
            self._watch(self._deadline)
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
        self._heard += len(data)
        if self._in_head:
            self._head_size += len(data)
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade):
            self._fail(ExchangeError(NO_HTTP))
        if self._answer is not None:
            self._deliver(self._answer)  # not before all that came is known to be good
        elif self._in_head and self._head_size > LONGEST_HEAD:
            self._fail(ExchangeError(NO_HTTP))

    def connection_lost(self, error: Exception | None) -> None:
        self.is_open = False
        if self._alarm is not None:
            self._alarm.cancel()
            self._alarm = None
        if self._waiting is None:
            return
        if error is None and self._until_closed:
            self._complete()
        if self._answer is not None:
            self._deliver(self._answer)
        else:
            self._fail(ExchangeError(CLOSED))

    # What the parser tells

    def on_message_begin(self) -> None:
        if self._answer is not None:
            self.is_open = False  # more than one answer to one request
        self._begin()

    def on_header(self, name: bytes, value: bytes) -> None:
        if not self._in_head:
            return  # a trailer
        if len(self._headers) >= MOST_HEADERS or len(value) > LONGEST_VALUE or b"\0" in value:
            self._fail(ExchangeError(NO_HTTP))
        self._headers.append(
            (name.decode("utf-8", "surrogateescape"), value.rstrip(b" \t").decode("utf-8", "surrogateescape"))
        )

    def on_headers_complete(self) -> None:
        self._in_head = False
        self._status = self._parser.get_status_code()
        if self._status >= 200 and self._status not in BODILESS and not self._parser.should_keep_alive():
            self._until_closed = ends_with_connection(self._headers)

    def on_body(self, body: bytes) -> None:
        self._size += len(body)
        if self._size > MAX_ANSWER:
            self._fail(ExchangeError(TOO_LARGE))
        else:
            self._body.append(body)

    def on_message_complete(self) -> None:
        if self._status >= 200:  # what comes before is news, no answer
            self._complete()

    # The end of an exchange

    def _complete(self) -> None:
        if not self._parser.should_keep_alive() or self._transport.get_write_buffer_size():
            self.is_open = False
        headers = CIMultiDict(self._headers)
        body = self._body[0] if len(self._body) == 1 else b"".join(self._body)
        window = WINDOWS.get(headers.getall("Content-Encoding", NO_CODING)[-1].lower())
        if window is not None and body:
            try:
                body = unpacked(body, window)
            except ExchangeError as error:
                self._fail(error)
                return
        if self._answer is None:
            self._answer = Answer(self._status, headers, body)

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
"""Up to this size, in bytes, a body is copied to its head, to go out as one."""


def ends_with_connection(headers: Sequence[tuple[str, str]]) -> bool:
    """Whether a body's end is the connection's: no length, and not in chunks."""
    named = [(name.lower(), value) for name, value in headers]
    codings = [value for name, value in named if name == "transfer-encoding"]
    if codings:
        return codings[-1].rpartition(",")[2].strip().lower() != "chunked"
    return all(name != "content-length" for name, _ in named)


def unpacked(body: bytes, window: int) -> bytes:
    """What this stream holds, or several one after another. ExchangeError if that is nothing, or too much."""
    if window == zlib.MAX_WBITS and body[0] & 0x0F != zlib.DEFLATED:
        window = -window  # deflate without the frame that belongs to it, as some servers send it
    pieces: list[bytes] = []
    room = MAX_ANSWER + 1
    while body:
        packed = zlib.decompressobj(window)
        try:
            piece = packed.decompress(body, room)
        except zlib.error:
            raise ExchangeError(NO_HTTP) from None
        room -= len(piece)
        if room <= 0:
            raise ExchangeError(TOO_LARGE)
        if not packed.eof and window != GZIP:  # as aiohttp: gzip without all of its checksum is read all the same
            raise ExchangeError(NO_HTTP)
        pieces.append(piece)
        body = packed.unused_data
    return b"".join(pieces)

"""The interface of engines: requests, answers and failures of HTTP, in terms that no library owns."""

import re
import ssl
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Protocol

from multidict import MultiMapping

from esb.core.errors import Message
from esb.outgoing.engines.tunnel import Tunnel

CONNECT_SECONDS = 5.0
CANNOT_BE_SENT = Message("the request cannot be sent: its address, its proxy or a header is not valid")
MOST_SECONDS = 300.0
"""The age in seconds at which a connection gets no further request: names come to lead elsewhere."""
_FRAMING = re.compile(rb"\n(?:transfer-encoding|content-length:[ \t]*0*[1-9])", re.IGNORECASE)
MAX_ANSWER = 8 * 2**20
"""The largest answer read as a whole, in bytes, after decompression."""


@dataclass(frozen=True, slots=True)
class Target:
    """The system and the interface that a request is for: the names that errors and logs use.

    `judge` names the class of an answer by this system's own codes. `sends`: the request carries a message, so the
    call's record tells when it may have left, and a dry run does not make it; False: it carries none. Left out, it
    counts as one in a component that sends, unless it only reads (GET). `refuses` tells a JSON answer that is a no, so
    that nothing was done; left out, that is one with `result` false or a code other than 0.
    """

    system: str
    interface: str
    judge: Callable[[Mapping[str, Any]], str] | None = None
    sends: bool | None = None
    refuses: Callable[[Mapping[str, Any]], bool] | None = None


class HeadBounds(NamedTuple):
    """The bounds of an answer's head: of one header in bytes, and of how many there are."""

    value: int = 8190
    headers: int = 128


DEFAULT_BOUNDS = HeadBounds()


@dataclass(frozen=True, slots=True, eq=False)
class Tls:
    """The authorities to trust, and our certificate. Connections are shared among requests with the same one.

    `server_name`: the name that the upstream's certificate must have; None: that of the host.
    """

    context: ssl.SSLContext = field(repr=False)
    ca: str | None = None
    cert: str | None = None
    key: str | None = None
    server_name: str | None = None

    @classmethod
    def load(
        cls,
        ca: str | None,
        cert: str | None,
        key: str | None,
        passphrase: str | None = None,
        server_name: str | None = None,
    ) -> "Tls":
        """Read PEM files. OSError (ssl.SSLError is one) or ValueError if they cannot be used."""
        context = ssl.create_default_context(cafile=ca)
        if cert is not None:
            context.load_cert_chain(cert, key, password=passphrase or "")  # or else OpenSSL asks at the terminal
        return cls(context, ca, cert, key, server_name)


@dataclass(frozen=True, slots=True, eq=False)
class RequestKind:
    """The part of requests that is the same for all of one kind. `url` is encoded as it goes over the wire.

    `guarded`: no address of esb.outgoing.address_guard.REFUSED is connected to, whatever name leads there. `names` are
    those of the headers.
    """

    method: str
    url: str = field(repr=False)
    guarded: bool
    names: tuple[str, ...] = ()
    proxy: str | None = field(default=None, repr=False)
    tls: Tls | None = None
    bounds: HeadBounds = DEFAULT_BOUNDS


@dataclass(frozen=True, slots=True, eq=False)
class Request:
    """A request whose answer is streamed, as it is: no header is added. `url` is encoded as it goes over the wire.

    `connect`: seconds for the connection; the caller watches the rest of the time. `guarded`: see RequestKind.
    """

    method: str
    url: str = field(repr=False)
    headers: Mapping[str, str] = field(repr=False)
    body: bytes | AsyncIterator[bytes] | None = field(repr=False)
    connect: float
    guarded: bool
    tls: Tls | None = None
    bounds: HeadBounds = DEFAULT_BOUNDS


@dataclass(slots=True, repr=False, eq=False)
class Answer:
    """An upstream's answer, whatever its status. An engine may have its headers read when somebody asks for them."""

    status: int
    _headers: MultiMapping[str] | Callable[[], MultiMapping[str]]
    body: bytes

    @property
    def headers(self) -> MultiMapping[str]:
        if callable(self._headers):
            self._headers = self._headers()
        return self._headers


class StreamedAnswer(Protocol):
    """An answer whose head has come."""

    status: int
    headers: MultiMapping[str]

    def chunks(self) -> AsyncIterator[bytes]:
        """Yield the body as it comes, neither decoded nor collected; ExchangeError when it breaks off."""
        ...

    def tunnel(self) -> Tunnel:
        """Return the connection itself, once an answer with status 101 has made it that of another protocol."""
        ...


class PreparedRequest(Protocol):
    """All that requests of one kind have in common, made once."""

    async def fetch(self, headers: Mapping[str, str], body: bytes | None, seconds: float) -> Answer:
        """Send it, and return the whole answer, decompressed, of at most MAX_ANSWER. OutOfTime after `seconds`."""
        ...


class Engine(Protocol):
    """A speaker of HTTP. It raises nothing but ExchangeError."""

    def open(self) -> None:
        """Make the connection pools, inside a running event loop."""
        ...

    async def close(self) -> None: ...

    def prepare(self, kind: RequestKind) -> PreparedRequest:
        """Prepare requests of this kind, for as long as the engine is open. Redirects are never followed.

        RuntimeError if the engine is not open; a wrong address is an error of `fetch`.
        """
        ...

    def stream(self, request: Request) -> AbstractAsyncContextManager[StreamedAnswer]:
        """Open the answer from its head on. Leaving before the end, of the answer or of the body sent, disconnects."""
        ...


def connect_seconds(seconds: float) -> float:
    """Return the seconds for the connection, when there are so many for all.

    A little less than all: no doubt then which of the two ran out, and whether anything was sent.
    """
    return min(CONNECT_SECONDS, 0.9 * seconds)


def has_dirty_end(head: bytes) -> bool:
    """Return True if the head of an answer without a body announces one: what comes then, nobody may read."""
    return _FRAMING.search(head) is not None


def headers_too_large(bounds: HeadBounds) -> Message:
    """Return the reason of an answer whose head is beyond these bounds."""
    return Message(
        "the headers of the response are too large: the limits are {value} bytes for one, and {headers} headers",
        {"value": bounds.value, "headers": bounds.headers},
    )


class ExchangeError(Exception):
    """A request that brought no answer. `sent`: False only if the upstream provably did not see it.

    It holds no address: the text is for callers.
    """

    def __init__(self, reason: Message, *, sent: bool = True) -> None:
        super().__init__(reason.template)
        self.reason = reason
        self.sent = sent


class NoConnection(ExchangeError):
    """No connection came about, so nothing was sent; another host may do better."""

    def __init__(self, reason: Message) -> None:
        super().__init__(reason, sent=False)


class OutOfTime(ExchangeError):
    """The request's time was over. The caller knows which of its limits that was."""

    def __init__(self) -> None:
        super().__init__(Message("the response did not come in time"))

"""What happens during a call, told as events to whoever listens: logs, metrics and traces.

Events carry names, codes and times; never a parameter value, a URL or a secret.
"""

import logging
import traceback
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Protocol

LOGGER = "esb.observe"
"""The name under which operators know the lines that tell of a listener's own failure."""


@dataclass(slots=True)  # frozen, it would take three times as long to make
class CallFinished:
    """A call ended. `code` is the envelope's, `status` the HTTP status (0: cut short, unanswered).

    `source` is where the trouble came from, if there was any: caller, gateway or upstream.
    """

    id: str
    method: str
    path: str
    system: str
    component: str
    app: str
    user: str
    user_source: str
    code: int | str
    status: int
    seconds: float
    client_ip: str
    source: str = ""


@dataclass(slots=True)  # frozen, it would take three times as long to make
class UpstreamFinished:
    """A request to a third-party system ended: with a status, or with `failure` (a reason without URL or secret).

    `kind` is the class of its end: `ok`; a class of WeChat's errcodes; `unknown`, a code of which nothing more is
    known; `http` or `network`, no usable answer or none at all; `limited` or `cancelled`, the gateway's own doing.
    """

    call_id: str
    system: str
    interface: str
    status: int | None
    errcode: int | str | None
    failure: str
    seconds: float
    kind: str = "ok"


@dataclass(frozen=True, slots=True)
class TokenFetched:
    """An access token was asked for. `account` is an appid or corpid; `outcome` is fetched, same or refused/failed."""

    platform: str
    account: str
    outcome: str
    seconds: float


@dataclass(frozen=True, slots=True)
class GateClosed:
    """A platform said that an account's quota is used up: for so many seconds nothing is sent in its name."""

    platform: str
    account: str
    errcode: int
    seconds: float


@dataclass(frozen=True, slots=True)
class StoreTurned:
    """The shared store can be asked again, or no more: then `trouble` says why."""

    trouble: str


@dataclass(frozen=True, slots=True)
class Crashed:
    """Something that should not fail did. `where` are the frames of the traceback; no exception text, it may quote."""

    call_id: str
    doing: str
    kind: str
    where: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class WorkerEnded:
    """A worker process ended although nobody had asked it to; another takes its place. `status` is its exit status.

    `stuck`: it had been silent for so long that it was killed.
    """

    status: int
    seconds: float
    stuck: bool = False


@dataclass(frozen=True, slots=True)
class Reloaded:
    """A reload ended. `generation` answers from now on; with `mistakes` it is the one that did before."""

    generation: int
    mistakes: tuple[str, ...]
    seconds: float


@dataclass(frozen=True, slots=True)
class GenerationClosed:
    """What an older configuration had built is closed. `calls` of it were not done yet."""

    generation: int
    calls: int


@dataclass(frozen=True, slots=True)
class LibraryLogged:
    """A library had something to say. Of an error only class (`kind`) and frames: its text may quote anything."""

    logger: str
    level: str
    text: str
    kind: str = ""
    where: tuple[str, ...] = ()


def crash(call_id: str, doing: str, error: Exception) -> Crashed:
    """The event for this error."""
    return Crashed(call_id, doing, type(error).__name__, frames(error))


def frames(error: BaseException) -> tuple[str, ...]:
    """Where it was raised, the innermost frame last."""
    found = traceback.extract_tb(error.__traceback__)
    return tuple(f"{frame.filename}:{frame.lineno} {frame.name}" for frame in found)


Event = (
    CallFinished
    | UpstreamFinished
    | TokenFetched
    | GateClosed
    | StoreTurned
    | Crashed
    | Reloaded
    | GenerationClosed
    | WorkerEnded
    | LibraryLogged
)
Listener = Callable[[Event], None]


class Span(Protocol):
    """Something under way that is traced."""

    @property
    def headers(self) -> Mapping[str, str]:
        """Tell an upstream that what it does is part of this."""
        ...

    def end(self, event: CallFinished | UpstreamFinished) -> None:
        """It is over, and this is what is told of it."""
        ...


class Tracer(Protocol):
    """Begins spans. What they tell is in the events that end them."""

    def call(self, headers: Mapping[str, str]) -> Span:
        """A call that came with these headers: part of its caller's trace, if it names one."""
        ...

    def upstream(self, call: Span | None) -> Span:
        """A request to a third-party system, on behalf of this call."""
        ...


class Observer:
    """Hands each event to every listener, in order. `tracer`: None, nothing is traced."""

    def __init__(self, listeners: Iterable[Listener] = (), tracer: Tracer | None = None) -> None:
        self._listeners = tuple(listeners)
        self.tracer = tracer

    def emit(self, event: Event) -> None:
        for listener in self._listeners:
            try:
                listener(event)
            except Exception:  # a full disk must not turn a message that was sent into a failed call
                logging.getLogger(LOGGER).exception("a listener failed")

    def end(self, event: CallFinished | UpstreamFinished, span: Span | None) -> None:
        """Emits the event that tells how something went, and ends its span, if it is traced."""
        self.emit(event)
        if span is None:
            return
        try:
            span.end(event)
        except Exception:  # as above
            logging.getLogger(LOGGER).exception("a span failed")

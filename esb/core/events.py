"""Events: facts about calls and about the gateway itself, emitted to listeners: logs, metrics and traces.

Events carry names, codes and times; never a parameter value, a URL or a secret.
"""

import logging
import traceback
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from esb.core.delivery_events import DeliveryEvent
from esb.core.errors import PluginMistake
from esb.core.process_events import ProcessEvent
from esb.core.reasons import Reason

LOGGER = "esb.observe"
"""The logger of a listener's own failure; it keeps the name that operators know."""


@dataclass(slots=True)
class CallFinished:
    """A call ended. `code` is the envelope's, `status` the HTTP status (0: cut short, unanswered).

    `source` is where the trouble came from, if there was any: caller, gateway or upstream; `reason` is why, in one
    word, and `claimed_app` the app that it claims to be made by, if nobody knows it. `asked_path` is the path that was
    asked for, escaped and cut, where that is not the declared `path`. `secret_number` tells which of the app's secrets
    was used, from 1 on; `secret_id` which one of the database, if it is one. `sent`: see
    esb.channels.outcome.sent_summary; None where nothing was.
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
    reason: Reason | None = None
    claimed_app: str = ""
    asked_path: str = ""
    secret_number: int = 0
    secret_id: int = 0
    sent: Mapping[str, Any] | None = None


@dataclass(slots=True)
class UpstreamFinished:
    """A request to a third-party system ended: with a status, or with `failure` (a reason without URL or secret).

    `kind` is the class of its end, see esb.core.upstream_classes.
    `host` is where it went, and `attempt` the number of the try, of a request that is repeated.
    """

    call_id: str
    system: str
    interface: str
    status: int | None
    errcode: int | str | None
    failure: str
    seconds: float
    kind: str = "ok"
    host: str = ""
    attempt: int = 1


@dataclass(frozen=True, slots=True)
class TokenFetched:
    """An access token was asked for. `account` is an appid or corpid; `outcome` is fetched, same or refused/failed.

    Of a refusal or a failure there are the platform's `errcode` and `errmsg`, or else what failed, and a `hint` if one
    is known: cause and remedy. None of them holds a secret.
    """

    platform: str
    account: str
    outcome: str
    seconds: float
    errcode: int | str | None = None
    errmsg: str = ""
    hint: str = ""


@dataclass(frozen=True, slots=True)
class GateClosed:
    """A platform said that an account's quota is used up (`hint`: which): for so many seconds it sends nothing."""

    platform: str
    account: str
    errcode: int | str | None
    seconds: float
    hint: str = ""


@dataclass(frozen=True, slots=True)
class AuthenticationLimited:
    """An address has failed too often to prove that it is this app, as it claims; told once in a minute.

    Where a token in the path is wrong, it claims none, and the declared path stands for it. For so many `seconds` it
    learns no more from its failures.
    """

    client_ip: str
    claimed_app: str
    seconds: float


@dataclass(frozen=True, slots=True)
class StoreTurned:
    """The shared store went away, for the reason `trouble`; or, if that is "", came back."""

    trouble: str


@dataclass(frozen=True, slots=True)
class Crashed:
    """A bug showed. `kind` is the error's class, `where` the frames of its traceback; its text may quote a secret.

    `detail` tells what a plugin does wrong, where that can be told without a value.
    """

    call_id: str
    doing: str
    kind: str
    where: tuple[str, ...]
    detail: str = ""


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
    """A reload ended. `generation` answers from now on; with `mistakes` it is the one that did before.

    `hash` is that of the configuration which was read.
    """

    generation: int
    mistakes: tuple[str, ...]
    seconds: float
    hash: str = ""


@dataclass(frozen=True, slots=True)
class GenerationClosed:
    """An older generation was closed; so many of its `calls` had not ended yet."""

    generation: int
    calls: int


@dataclass(frozen=True, slots=True)
class LibraryLogged:
    """A library wrote to its log. Of an error only class (`kind`) and frames: its text may quote anything."""

    logger: str
    level: str
    text: str
    kind: str = ""
    where: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class PluginLogged:
    """A plugin wrote to the log of a call. Text and fields hold no known secret; what else, the plugin answers for."""

    call_id: str
    component: str
    level: str
    text: str
    fields: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class LimitReached:
    """A bound that all callers share refused so many since the last such event: connections, bodies, calls or bytes."""

    reason: str
    refused: int


def crash(call_id: str, doing: str, error: Exception) -> Crashed:
    """Return the event for this error. Of an exception group, the first of its errors is told."""
    told: BaseException = error
    while isinstance(told, BaseExceptionGroup):
        told = told.exceptions[0]
    detail = str(told) if isinstance(told, PluginMistake) else ""
    return Crashed(call_id, doing, type(told).__name__, frames(told), detail)


def frames(error: BaseException) -> tuple[str, ...]:
    """Return the frames that this error was raised in, as "file:line function", the innermost last."""
    found = traceback.extract_tb(error.__traceback__)
    return tuple(f"{frame.filename}:{frame.lineno} {frame.name}" for frame in found)


Event = (
    CallFinished
    | UpstreamFinished
    | TokenFetched
    | GateClosed
    | AuthenticationLimited
    | StoreTurned
    | Crashed
    | Reloaded
    | GenerationClosed
    | WorkerEnded
    | LibraryLogged
    | PluginLogged
    | LimitReached
    | ProcessEvent
    | DeliveryEvent
)
Listener = Callable[[Event], None]
Author = Callable[[Crashed, BaseException], None]
"""One who is shown the errors of crashes, texts and all: at a terminal of `esb dev`, or in a test; no log ever is."""


class Span(Protocol):
    """A call, or a request to a third-party system, that is under way and traced."""

    @property
    def headers(self) -> Mapping[str, str]:
        """Headers by which an upstream makes its own spans part of this one."""
        ...

    def end(self, event: CallFinished | UpstreamFinished) -> None:
        """End the span, with name and attributes from this event."""
        ...


class Tracer(Protocol):
    """A maker of spans. Name and attributes come with the event that ends one."""

    def call(self, headers: Mapping[str, str]) -> Span:
        """Begin the span of a call that came with these headers, as part of its caller's trace if they name one."""
        ...

    def upstream(self, call: Span | None) -> Span:
        """Begin the span of a request to a third-party system, on behalf of this call."""
        ...


class Observer:
    """A dispatcher of events to all listeners, in their order. Without a `tracer` nothing is traced."""

    def __init__(
        self, listeners: Iterable[Listener] = (), tracer: Tracer | None = None, author: Author | None = None
    ) -> None:
        self._listeners = tuple(listeners)
        self.tracer = tracer
        self._author = author

    def emit(self, event: Event) -> None:
        for listener in self._listeners:
            try:
                listener(event)
            except Exception:  # a full disk must not turn a message that was sent into a failed call
                logging.getLogger(LOGGER).exception("a listener failed")

    @property
    def has_author(self) -> bool:
        """True if somebody looks on who writes plugins."""
        return self._author is not None

    def crashed(self, call_id: str, doing: str, error: Exception) -> None:
        """Emit the event of this error, and show the error itself to the author, if there is one."""
        self.emit(crash(call_id, doing, error))
        self.show(call_id, doing, error)

    def show(self, call_id: str, doing: str, error: Exception) -> None:
        """Show an error to the author, if there is one: of a plugin that crashed, or that could not be built."""
        if self._author is not None:
            self._author(crash(call_id, doing, error), error)

    def end(self, event: CallFinished | UpstreamFinished, span: Span | None) -> None:
        """Emit the event that tells how something ended, and end its span, if it is traced."""
        self.emit(event)
        if span is None:
            return
        try:
            span.end(event)
        except Exception:  # as above
            logging.getLogger(LOGGER).exception("a span failed")

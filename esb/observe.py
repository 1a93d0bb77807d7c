"""What happens during a call, told as events to whoever listens: logs now, metrics and traces later.

Events carry names, codes and times; never a parameter value, a URL or a secret.
"""

import logging
import traceback
from collections.abc import Callable, Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class CallFinished:
    """A call ended. `code` is the envelope's, `status` the HTTP status (0: cut short, unanswered)."""

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


@dataclass(frozen=True, slots=True)
class UpstreamFinished:
    """A request to a third-party system ended: with a status, or with `failure` (a reason without URL or secret)."""

    call_id: str
    system: str
    interface: str
    status: int | None
    errcode: int | str | None
    failure: str
    seconds: float


@dataclass(frozen=True, slots=True)
class TokenFetched:
    """An access token was asked for. `account` is an appid or corpid; `outcome` is fetched, same or refused/failed."""

    platform: str
    account: str
    outcome: str
    seconds: float


@dataclass(frozen=True, slots=True)
class Crashed:
    """Something that should not fail did. `where` are the frames of the traceback; no exception text, it may quote."""

    call_id: str
    doing: str
    kind: str
    where: tuple[str, ...]


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


def crash(call_id: str, doing: str, error: Exception) -> Crashed:
    """The event for this error."""
    frames = traceback.extract_tb(error.__traceback__)
    where = tuple(f"{frame.filename}:{frame.lineno} {frame.name}" for frame in frames)
    return Crashed(call_id, doing, type(error).__name__, where)


Event = CallFinished | UpstreamFinished | TokenFetched | Crashed | Reloaded | GenerationClosed
Listener = Callable[[Event], None]


class Observer:
    """Hands each event to every listener, in order."""

    def __init__(self, listeners: Iterable[Listener] = ()) -> None:
        self._listeners = tuple(listeners)

    def emit(self, event: Event) -> None:
        for listener in self._listeners:
            try:
                listener(event)
            except Exception:  # a full disk must not turn a message that was sent into a failed call
                logging.getLogger(__name__).exception("a listener failed")

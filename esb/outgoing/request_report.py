"""The report of each request to a third-party system: one event, however it ends, and what the call's record keeps."""

import asyncio
import time
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Self

from esb.core.call import Call
from esb.core.errors import Limited, UpstreamError
from esb.core.events import Observer, Span, Tracer, UpstreamFinished
from esb.outgoing.engine import Target
from esb.outgoing.json_answer import own_code

ERROR_STATUS = 400
NO_REFUSAL = frozenset({None, 0, "0"})
"""Codes of an upstream that has done, or may have done, what it was asked."""


class RequestReport:
    """`with`: one request, reported as an event however it ends. `call` is the one whose headers it carries.

    Whoever makes the request sets the `host`; by another way than HTTP also `errcode` and `kind` (see
    UpstreamFinished), and calls `mark_sent`.
    """

    __slots__ = (
        *("_observer", "_span", "_started", "call", "call_id", "errcode", "host", "kind", "refused", "status"),
        "target",
    )

    def __init__(self, observer: Observer, call: Call | None, target: Target) -> None:
        self._observer = observer
        self._span: Span | None = None
        self.call = call
        self.call_id = "" if call is None else call.id
        self.target = target
        self.host = ""
        self.status: int | None = None
        self.errcode: int | str | None = None
        self.kind = ""
        self.refused = False
        self._started = time.monotonic()
        if observer.tracer is not None:
            self._trace(observer.tracer)

    def note_judged(self, payload: Mapping[str, Any], kind: str) -> None:
        """Note the upstream's own code, and its class, which others have judged; most codes are a no to a message."""
        code = payload.get("errcode")
        self.errcode = code if type(code) is int else own_code(code)
        self.kind = kind
        self.refused = self.errcode not in NO_REFUSAL and kind != "held"

    def note(self, payload: Mapping[str, Any]) -> None:
        """Take from an answer the upstream's own code, its class, and whether it is a no to a message."""
        target = self.target
        code = payload["errcode"] if "errcode" in payload else payload.get("code")
        self.errcode = code if type(code) is int else own_code(code)
        self.kind = (target.judge or _judge)(payload)
        if target.sends:
            self.refused = _judge(payload) != "ok" if target.refuses is None else target.refuses(payload)

    def mark_sent(self) -> None:
        """Write into the call's record that a message may have left: under idempotency nobody sends it again."""
        if self.call is not None:
            self.call.record.sent = True

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        if error is None:
            failure, ended = "", self.kind or ("ok" if self.status is None or self.status < ERROR_STATUS else "http")
            sent = not self.refused
        else:
            failure, ended = _short(error), self._kind(error)
            sent = error.sent if isinstance(error, UpstreamError) else not isinstance(error, Limited)
        seconds = time.monotonic() - self._started
        target, attempt = self.target, 1 if self.call is None else self.call.attempt
        if target.sends and sent and self.call is not None:
            self.call.record.sent = True
        self._observer.end(
            UpstreamFinished(
                self.call_id,
                target.system,
                target.interface,
                self.status,
                self.errcode,
                failure,
                seconds,
                ended,
                self.host,
                attempt,
            ),
            self._span,
        )

    def _trace(self, tracer: Tracer) -> None:
        call = self.call
        self._span = tracer.upstream(None if call is None else call.record.span)
        if call is not None:
            self.call = replace(call, headers={**call.headers, **self._span.headers})

    def _kind(self, error: BaseException) -> str:
        """Return the class of this failure; see UpstreamFinished."""
        match error:
            case UpstreamError() if self.kind:
                return self.kind
            case UpstreamError() if error.http_status is not None:
                return "http"
            case UpstreamError() if self.errcode is None:
                return "network"
            case Limited():
                return "limited"
            case asyncio.CancelledError() | GeneratorExit():
                return "cancelled"
        return "unknown"


def _judge(payload: Mapping[str, Any]) -> str:
    """Return "ok" or "unknown": success or not, in the way that BlueKing's systems and most others say it."""
    result = payload.get("result")
    if isinstance(result, bool):
        return "ok" if result else "unknown"
    return "ok" if payload.get("errcode", payload.get("code")) in (None, 0, "0") else "unknown"


def _short(error: BaseException) -> str:
    """Return the text that an event has of an error."""
    match error:
        case UpstreamError():
            return str(error.reason)
        case Limited():
            return "too many requests are under way"
        case asyncio.CancelledError():
            return "cancelled"
    return type(error).__name__

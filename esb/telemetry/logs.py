"""The log: one line for each call and one for each upstream call, on stderr.

JSON with ESB_LOG=json, readable otherwise, with colours on a terminal. No parameter values, no secrets: events carry
none.
"""

import io
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import partial
from typing import Any, TextIO

from esb.core import json_codec
from esb.core.events import (
    AuthenticationLimited,
    CallFinished,
    Crashed,
    Event,
    GateClosed,
    GenerationClosed,
    LastGoodNotKept,
    LastGoodServed,
    LibraryLogged,
    LimitReached,
    LogLinesDropped,
    PluginLogged,
    Reloaded,
    StoreTurned,
    Succeeded,
    TokenFetched,
    UpstreamFinished,
    WorkerEnded,
)
from esb.telemetry.log_text import escaped, printable, quoted, writable
from esb.telemetry.log_writer import Lines, LogWriter

# Milliseconds are rounded to a whole number of tenths: rounding to a decimal would take as long as the rest of a line.
LONGEST_LEVEL = 9
LONGEST_EVENT = 14
"""The widths of level and event in a readable line."""
ACCEPTED = frozenset({"ok", "held"})
"""The classes of upstream calls that went well; see UpstreamFinished."""
Fields = dict[str, Any]
"""The fields of a line: `event`, `level`, and those of its kind."""


@contextmanager
def to_stderr(environ: Mapping[str, str]) -> Iterator[LogWriter]:
    """Yield the one writer of this process to stderr; on leaving, all is written, unless nobody reads it."""
    writer = LogWriter(sys.stderr, partial(_notice, environ))
    try:
        yield writer
    finally:
        writer.close()


def listener(
    environ: Mapping[str, str], output: LogWriter | TextIO | None = None, *, at_once: bool = True
) -> Callable[[Event], None]:
    """Return a writer of every event to `output` (default stderr); ESB_LOG in `environ` chooses the form.

    Not `at_once`: the lines of one turn of the event loop are written together, at its end.
    """
    output = output or sys.stderr
    lines = Lines(output, at_once)
    if environ.get("ESB_LOG", "") == "json":
        return _Json(lines).log
    return _coloured(lines) if output.isatty() else _Readable(lines).log


def _notice(environ: Mapping[str, str], number: int) -> bytes:
    """Return the line that tells of so many dropped ones."""
    line = io.StringIO()
    listener(environ, line)(LogLinesDropped(number))
    return line.getvalue().encode()


def _call(event: CallFinished) -> Fields:
    fields: Fields = {
        "request_id": event.id,
        "method": event.method,
        "path": event.path,
        "system": event.system,
        "component": event.component,
        "app": event.app,
        "user": writable(event.user),
        "user_source": event.user_source,
        "code": event.code,
        "status": event.status,
        "ms": round(event.seconds * 10_000) / 10,
        "client_ip": event.client_ip,
        "event": "call",
        "level": "info",
    }
    if event.secret_number:
        fields["secret_number"] = event.secret_number
    if event.sent is not None:
        fields["sent"] = event.sent
    if event.asked_path:
        fields["asked_path"] = writable(event.asked_path)
    if event.source:
        fields["source"] = event.source
        fields["reason"] = event.reason
        if event.claimed_app:
            fields["claimed_app"] = writable(event.claimed_app)
    return fields


def _upstream_call(event: UpstreamFinished) -> Fields:
    fields: Fields = {
        "request_id": event.call_id,
        "system": event.system,
        "interface": event.interface,
        "status": event.status,
        "errcode": event.errcode,
        "class": event.kind,
        "ms": round(event.seconds * 10_000) / 10,
        "event": "upstream call",
        "level": "info" if event.kind in ACCEPTED else "warning",
    }
    if event.failure:
        fields["failure"] = event.failure
    return fields


def _access_token(event: TokenFetched) -> Fields:
    return {
        "platform": event.platform,
        "account": event.account,
        "outcome": event.outcome,
        "ms": round(event.seconds * 10_000) / 10,
        "event": "access token",
        "level": "info",
    }


def _gate(event: GateClosed) -> Fields:
    return {
        "platform": event.platform,
        "account": event.account,
        "errcode": event.errcode,
        "seconds": event.seconds,
        "event": "quota gate closed",
        "level": "warning",
    }


def _authentications(event: AuthenticationLimited) -> Fields:
    return {
        "client_ip": event.client_ip,
        "claimed_app": writable(event.claimed_app),
        "seconds": round(event.seconds, 1),
        "event": "authentications limited",
        "level": "warning",
    }


def _store(event: StoreTurned) -> Fields:
    if event.trouble:
        return {"reason": event.trouble, "event": "store away", "level": "error"}
    return {"event": "store connected", "level": "info"}


def _crash(event: Crashed) -> Fields:
    fields: Fields = {
        "request_id": event.call_id,
        "doing": writable(event.doing),
        "error": event.kind,
        "where": list(event.where),
        "event": "crash",
        "level": "error",
    }
    if event.detail:
        fields["detail"] = writable(event.detail)
    return fields


def _reload(event: Reloaded) -> Fields:
    if event.mistakes:
        mistakes = list(event.mistakes)
        return {"generation": event.generation, "mistakes": mistakes, "event": "reload refused", "level": "error"}
    ms = round(event.seconds * 10_000) / 10
    return {"generation": event.generation, "ms": ms, "event": "reloaded", "level": "info"}


def _last_good(event: LastGoodServed) -> Fields:
    mistakes = list(event.mistakes)
    return {"file": event.file, "mistakes": mistakes, "event": "last good configuration served", "level": "error"}


def _not_kept(event: LastGoodNotKept) -> Fields:
    what = "last good configuration not kept"
    return {"file": event.file, "reason": event.reason, "event": what, "level": "error"}


def _closed(event: GenerationClosed) -> Fields:
    level = "warning" if event.calls else "info"
    return {"generation": event.generation, "unfinished": event.calls, "event": "generation closed", "level": level}


def _successor(event: Succeeded) -> Fields:
    told: Fields = {"seconds": round(event.seconds, 1)}
    if event.trouble:
        return {**told, "trouble": event.trouble, "event": "restart failed", "level": "error"}
    return {**told, "pid": event.pid, "event": "successor took over", "level": "info"}


def _worker(event: WorkerEnded) -> Fields:
    what = "worker stuck and killed" if event.stuck else "worker ended"
    return {"status": event.status, "lived": round(event.seconds, 1), "event": what, "level": "error"}


def _library(event: LibraryLogged) -> Fields:
    fields: Fields = {"logger": event.logger, "event": event.text, "level": event.level}
    if event.kind:
        fields |= {"error": event.kind, "where": list(event.where)}
    return fields


def _plugin(event: PluginLogged) -> Fields:
    own: Fields = {
        "request_id": event.call_id,
        "component": event.component,
        "text": event.text,
        "event": "plugin",
        "level": event.level,
    }
    given = {f"{name}_" if name in own or name == "timestamp" else name: value for name, value in event.fields.items()}
    return given | own


def _dropped(event: LogLinesDropped) -> Fields:
    return {"lines": event.lines, "event": "log lines dropped", "level": "error"}


def _limit(event: LimitReached) -> Fields:
    return {"reason": event.reason, "refused": event.refused, "event": "limit reached", "level": "warning"}


_TELL: Mapping[type, Callable[[Any], Fields]] = {
    CallFinished: _call,
    UpstreamFinished: _upstream_call,
    TokenFetched: _access_token,
    GateClosed: _gate,
    AuthenticationLimited: _authentications,
    StoreTurned: _store,
    Crashed: _crash,
    Reloaded: _reload,
    LastGoodServed: _last_good,
    LastGoodNotKept: _not_kept,
    GenerationClosed: _closed,
    Succeeded: _successor,
    WorkerEnded: _worker,
    LibraryLogged: _library,
    PluginLogged: _plugin,
    LogLinesDropped: _dropped,
    LimitReached: _limit,
}


def _coloured(lines: Lines) -> Callable[[Event], None]:
    import structlog

    processors: list[Any] = [
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso"),
        printable,
        structlog.dev.ConsoleRenderer(colors=True, pad_event_to=LONGEST_EVENT),
    ]
    logger = structlog.wrap_logger(lines, processors=processors, wrapper_class=structlog.BoundLogger).bind()

    def log(event: Event) -> None:
        fields = _TELL[type(event)](event)
        getattr(logger, fields.pop("level"))(**fields)

    return log


class _Json:
    """The lines that structlog would write, in a tenth of its time: every call has two of them. Bench: send."""

    def __init__(self, lines: Lines) -> None:
        self._lines = lines
        self._second = 0
        self._date_and_time = ""
        self._timestamp = ""

    def log(self, event: Event) -> None:
        fields = _TELL[type(event)](event)
        if not self._lines.waiting:  # the lines of one turn have one time
            self._timestamp = self._now()
        fields["timestamp"] = self._timestamp
        self._lines.add(json_codec.encode(fields))

    def _now(self) -> str:
        second, microseconds = divmod(time.time_ns() // 1000, 1_000_000)
        if second != self._second:
            self._second = second
            self._date_and_time = datetime.fromtimestamp(second, UTC).strftime("%Y-%m-%dT%H:%M:%S")
        return f"{self._date_and_time}.{microseconds:06}Z"


class _Readable(_Json):
    """The lines of `_coloured` without the colours, in a tenth of its time: what most gateways write.

    Bench: send, gateway:readable.
    """

    def log(self, event: Event) -> None:
        fields = _TELL[type(event)](event)
        if not self._lines.waiting:
            self._timestamp = self._now()
        level, what = fields.pop("level"), fields.pop("event")
        told = " ".join([f"{name}={quoted(escaped(fields[name]))}" for name in sorted(fields)])
        self._lines.text(f"{self._timestamp} [{level:<{LONGEST_LEVEL}}] {what:<{LONGEST_EVENT}} {told}")

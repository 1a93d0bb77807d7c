"""The log: one line for each call and one for each upstream call, on stderr.

JSON with ESB_LOG=json, readable on a terminal otherwise. No parameter values, no secrets: events carry none.
"""

import asyncio
import sys
from collections.abc import Callable, Mapping, MutableMapping
from datetime import UTC, datetime
from typing import Any, TextIO

import structlog

from esb import codec
from esb.observe import (
    CallFinished,
    Crashed,
    Event,
    GateClosed,
    GenerationClosed,
    Reloaded,
    StoreTurned,
    TokenFetched,
    UpstreamFinished,
    WorkerEnded,
)

LONGEST_NAME = 200
"""Characters of a text that a caller chose."""
Log = Callable[..., Any]


def listener(
    environ: Mapping[str, str], stream: TextIO | None = None, *, at_once: bool = True
) -> Callable[[Event], None]:
    """What writes every event to `stream` (default stderr); ESB_LOG in `environ` chooses the form.

    Not `at_once`: the lines of one turn of the event loop are written together, at its end.
    """
    lines = _Lines(stream or sys.stderr, at_once)
    logger = _Json(lines) if environ.get("ESB_LOG", "") == "json" else _readable(lines)

    def log(event: Event) -> None:
        match event:
            case UpstreamFinished():
                (logger.warning if event.failure else logger.info)("upstream call", **_upstream(event))
            case CallFinished():
                logger.info("call", **_call(event))
            case TokenFetched():
                logger.info(
                    "access token",
                    platform=event.platform,
                    account=event.account,
                    outcome=event.outcome,
                    ms=_milliseconds(event.seconds),
                )
            case GateClosed():
                logger.warning(
                    "quota gate closed",
                    platform=event.platform,
                    account=event.account,
                    errcode=event.errcode,
                    seconds=event.seconds,
                )
            case StoreTurned(""):
                logger.info("store connected")
            case StoreTurned(trouble):
                logger.error("store away", reason=trouble)
            case Crashed():
                logger.error(
                    "crash",
                    request_id=event.call_id,
                    doing=_shown(event.doing),
                    error=event.kind,
                    where=list(event.where),
                )
            case Reloaded(generation, mistakes, _) if mistakes:
                logger.error("reload refused", generation=generation, mistakes=list(mistakes))
            case Reloaded(generation, _, seconds):
                logger.info("reloaded", generation=generation, ms=_milliseconds(seconds))
            case WorkerEnded(status, seconds):
                logger.error("worker ended", status=status, lived=round(seconds, 1))
            case GenerationClosed(generation, calls):
                level = logger.warning if calls else logger.info
                level("generation closed", generation=generation, unfinished=calls)

    return log


def _readable(lines: "_Lines") -> Any:
    processors: list[Any] = [
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso"),
        _printable,
        structlog.dev.ConsoleRenderer(colors=lines.stream.isatty(), pad_event_to=14),
    ]
    lazy = structlog.wrap_logger(lines, processors=processors, wrapper_class=structlog.BoundLogger)
    return lazy.bind()  # once, and not for every line


class _Json:
    """The lines that structlog would write, in a tenth of its time: every call has two of them."""

    def __init__(self, lines: "_Lines") -> None:
        self._lines = lines

    def info(self, event: str, **fields: Any) -> None:
        self._write(event, "info", fields)

    def warning(self, event: str, **fields: Any) -> None:
        self._write(event, "warning", fields)

    def error(self, event: str, **fields: Any) -> None:
        self._write(event, "error", fields)

    def _write(self, event: str, level: str, fields: dict[str, Any]) -> None:
        fields["event"] = event
        fields["level"] = level
        fields["timestamp"] = datetime.now(UTC).isoformat().replace("+00:00", "Z")
        self._lines.info(codec.encode(fields).decode())


class _Lines:
    """A stream's lines. Those of one turn of the event loop are written with one system call: a busy turn has many."""

    def __init__(self, stream: TextIO, at_once: bool) -> None:
        self.stream = stream
        self._at_once = at_once
        self._waiting: list[str] = []

    def _line(self, text: str) -> None:
        self._waiting.append(text)
        if self._at_once:
            self._write()
        elif len(self._waiting) == 1:  # the first of its turn sees to the others
            asyncio.get_running_loop().call_soon(self._write)

    def _write(self) -> None:
        lines, self._waiting = self._waiting, []
        self.stream.write("\n".join([*lines, ""]))
        self.stream.flush()

    info = warning = error = _line


def _printable(logger: Any, method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Control characters escaped: a user name must not forge lines or steer a terminal. JSON escapes them itself."""
    for name, value in event.items():
        if isinstance(value, str) and not value.isprintable():
            event[name] = "".join(letter if letter.isprintable() else repr(letter)[1:-1] for letter in value)
    return event


def _call(event: CallFinished) -> dict[str, Any]:
    return {
        "request_id": event.id,
        "method": event.method,
        "path": event.path,
        "system": event.system,
        "component": event.component,
        "app": event.app,
        "user": _shown(event.user),
        "user_source": event.user_source,
        "code": event.code,
        "status": event.status,
        "ms": _milliseconds(event.seconds),
        "client_ip": event.client_ip,
    }


def _upstream(event: UpstreamFinished) -> dict[str, Any]:
    fields = {
        "request_id": event.call_id,
        "system": event.system,
        "interface": event.interface,
        "status": event.status,
        "errcode": event.errcode,
        "ms": _milliseconds(event.seconds),
    }
    if event.failure:
        fields["failure"] = event.failure
    return fields


def _shown(text: str) -> str:
    """What a caller chose, in a length and in characters that can be written."""
    if text.isascii() and len(text) <= LONGEST_NAME:
        return text
    cut = text if len(text) <= LONGEST_NAME else f"{text[:LONGEST_NAME]}…"
    return cut.encode(errors="replace").decode()


def _milliseconds(seconds: float) -> float:
    return round(seconds * 10_000) / 10

"""The log: one line for each call and one for each upstream call, on stderr.

JSON where stderr is no terminal, for people on one, with colours; ESB_LOG=json or =text decides otherwise. No parameter
values, no secrets: events carry none.
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
from esb.core.events import Event
from esb.core.process_events import LogLinesDropped
from esb.telemetry.log_fields import FIELDS
from esb.telemetry.log_text import escaped, printable, quoted
from esb.telemetry.log_writer import Lines, LogWriter

JSON, TEXT = "json", "text"
"""Values of ESB_LOG."""
LONGEST_LEVEL = 9
LONGEST_EVENT = 14
"""The widths of level and event in a readable line."""


@contextmanager
def to_stderr(environ: Mapping[str, str]) -> Iterator[LogWriter]:
    """Yield the one writer of this process to stderr; on leaving, all is written, unless nobody reads it."""
    form = {"ESB_LOG": JSON if is_json(environ, sys.stderr) else TEXT}
    writer = LogWriter(sys.stderr, partial(_notice, form))
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
    if is_json(environ, output):
        return _Json(lines).log
    return _coloured(lines) if output.isatty() else _Readable(lines).log


def is_json(environ: Mapping[str, str], output: LogWriter | TextIO) -> bool:
    """Return True if a log to this output is JSON, False if it is for people."""
    form = environ.get("ESB_LOG", "")
    return form == JSON or (form != TEXT and not output.isatty())


def _notice(environ: Mapping[str, str], number: int) -> bytes:
    """Return the line that tells of so many dropped ones."""
    line = io.StringIO()
    listener(environ, line)(LogLinesDropped(number))
    return line.getvalue().encode()


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
        fields = FIELDS[type(event)](event)
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
        fields = FIELDS[type(event)](event)
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
        fields = FIELDS[type(event)](event)
        if not self._lines.waiting:
            self._timestamp = self._now()
        level, what = fields.pop("level"), fields.pop("event")
        told = " ".join([f"{name}={quoted(escaped(fields[name]))}" for name in sorted(fields)])
        self._lines.text(f"{self._timestamp} [{level:<{LONGEST_LEVEL}}] {what:<{LONGEST_EVENT}} {told}")

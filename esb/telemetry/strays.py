"""Lines on stderr that are none of the log, as events: prints of plugins, and errors that nobody caught."""

import io
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr
from typing import TextIO

from esb.core.events import LibraryLogged, Listener, crash

LOGGER = "stderr"
"""The logger that lines which were written to stderr are said to be of."""
LONGEST_LINE = 1000
"""Characters of such a line."""


@contextmanager
def reported(listener: Listener) -> Iterator[None]:
    """Inside, pass the listener all that is written to `sys.stderr`, and the errors of threads and finalizers."""
    threads, finalizers = threading.excepthook, sys.unraisablehook
    threading.excepthook = lambda failed: _report(listener, "a thread", failed.exc_value)
    sys.unraisablehook = lambda failed: _report(listener, "a finalizer", failed.exc_value)
    try:
        with redirect_stderr(_Lines(listener, sys.stderr)):
            yield
    finally:
        threading.excepthook, sys.unraisablehook = threads, finalizers


def _report(listener: Listener, doing: str, error: BaseException | None) -> None:
    if isinstance(error, Exception):
        listener(crash("", doing, error))


class _Lines(io.TextIOBase):
    """A text stream, of which each line is an event. Beneath it is the descriptor of the one that it replaces."""

    def __init__(self, listener: Listener, replaced: TextIO) -> None:
        self._listener = listener
        self._replaced = replaced
        self._line = ""

    def write(self, text: str) -> int:
        *lines, self._line = f"{self._line}{text}".split("\n")
        self._line = self._line[:LONGEST_LINE]
        for line in lines:
            if line.strip():
                self._listener(LibraryLogged(LOGGER, "warning", line[:LONGEST_LINE]))
        return len(text)

    def writable(self) -> bool:
        return True

    def fileno(self) -> int:
        return self._replaced.fileno()

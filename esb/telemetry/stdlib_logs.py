"""Library logs as events, so that they have the form of our own log and quote nobody's secrets."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from esb.core.events import LibraryLogged, Listener, frames

UNREADABLE = "a record whose values do not fit its text"


@contextmanager
def reported(listener: Listener) -> Iterator[None]:
    """Inside, pass the listener what this process logs by `logging`, from warnings on, and Python's own warnings."""
    handler = _EventHandler(listener)
    root = logging.getLogger()
    root.addHandler(handler)
    logging.captureWarnings(True)
    try:
        yield
    finally:
        logging.captureWarnings(False)
        root.removeHandler(handler)


class _EventHandler(logging.Handler):
    def __init__(self, listener: Listener) -> None:
        super().__init__(logging.WARNING)
        self._listener = listener

    def emit(self, record: logging.LogRecord) -> None:
        try:
            event = _event(record)
        except Exception:  # noqa: BLE001 - a format without its values; `logging` would print the record with them
            event = LibraryLogged(record.name, record.levelname.lower(), UNREADABLE)
        with suppress(Exception):  # who logs must not fail because of it
            self._listener(event)


def _event(record: logging.LogRecord) -> LibraryLogged:
    """Return the event of its first line: in the others asyncio shows tasks and their errors, texts and all."""
    text = record.getMessage().partition("\n")[0]
    error = record.exc_info[1] if record.exc_info else None
    if error is None:
        return LibraryLogged(record.name, record.levelname.lower(), text)
    return LibraryLogged(record.name, record.levelname.lower(), text, type(error).__name__, frames(error))

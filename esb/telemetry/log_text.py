"""Texts of log lines: of bounded length, in characters that can be written, and none that could be taken for more."""

from collections.abc import MutableMapping
from typing import Any

LONGEST_NAME = 200
"""Characters of a text that a caller chose."""
AMBIGUOUS = frozenset(" \t=\r\n\"'")


def printable(logger: Any, method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    for name, value in event.items():
        event[name] = escaped(value)
    return event


def escaped(value: Any) -> Any:
    """Escape control characters: a user name must not forge lines or steer a terminal. JSON escapes them itself."""
    if isinstance(value, str) and not value.isprintable():
        return "".join(letter if letter.isprintable() else repr(letter)[1:-1] for letter in value)
    return value


def quoted(value: Any) -> str:
    """Return the value as structlog shows it: quoted if it could be taken for more than one."""
    return value if isinstance(value, str) and AMBIGUOUS.isdisjoint(value) else repr(value)


def writable(text: str) -> str:
    """Return a text that a caller chose, in a length and in characters that can be written."""
    if text.isascii() and len(text) <= LONGEST_NAME:
        return text
    cut = text if len(text) <= LONGEST_NAME else f"{text[:LONGEST_NAME]}…"
    return cut.encode(errors="replace").decode()

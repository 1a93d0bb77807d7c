"""Values of a dump: as SQL writes them, and as the columns of the old ESB mean them."""

import ast
import json
import re
from datetime import UTC, datetime, tzinfo
from typing import Any

from esb.core.errors import GatewayError

Value = str | int | None
Row = dict[str, Value]

UNREADABLE: Value = str(b"an expression", "ascii")  # no other text is this object
"""The stand-in for an expression, such as NOW(): it is told apart by identity."""
NEVER = datetime(2100, 1, 1, tzinfo=UTC)
"""The end that the old ESB writes for a right without one; later ones mean the same."""
LONG_OVER = datetime(1970, 1, 1, tzinfo=UTC)
_ESCAPES = {quote: re.compile(rf"\\(.)|{quote}{quote}", re.DOTALL) for quote in "'\""}
_ESCAPED = {"0": "\0", "b": "\b", "n": "\n", "r": "\r", "t": "\t", "Z": "\x1a", "%": "\\%", "_": "\\_"}
_FALSE = frozenset({"", "0", "\0", "false", "f", "no", "off", "n"})


class RowError(GatewayError):
    """A row that cannot be read. The text quotes no value: it may be a secret. `line`: from 1."""

    def __init__(self, line: int, text: str) -> None:
        super().__init__(text)
        self.line = line
        self.text = text


def unescaped(text: str, quote: str) -> str:
    """Return what a text between these quotes of SQL means."""
    if "\\" not in text and quote not in text:
        return text
    return _ESCAPES[quote].sub(lambda found: _ESCAPED.get(found[1], found[1]) if found[1] else quote, text)


def text_of_bytes(data: bytes) -> str:
    """Return the text that --hex-blob wrote in hexadecimal."""
    return data.decode("utf-8", "surrogateescape")


def as_text(value: Value) -> str:
    """Return a text; "" for NULL."""
    return "" if value is None else str(value)


def as_whole(value: Value) -> int | None:
    """Return a whole number; None for NULL, and for what is none."""
    try:
        return int(str(value).strip())
    except ValueError:
        return None


def as_flag(value: Value, default: bool = True) -> bool:
    """Return a truth value, as tinyint, bit or word; NULL and a missing one are the default."""
    return default if value is None else str(value).strip().lower() not in _FALSE


def as_moment(value: Value, zone: tzinfo) -> datetime | None:
    """Return a time of the dump, which names no zone; None for NULL, and for what is none."""
    try:
        found = datetime.fromisoformat(as_text(value).strip())
    except ValueError:
        return None
    return found.replace(tzinfo=zone) if found.tzinfo is None else found


def as_end(value: Value, zone: tzinfo) -> datetime | None:
    """Return when a right ends; None if it never does. What is no time, such as MySQL's zero date, is over."""
    end = as_moment(value, zone)
    if end is None and as_text(value).strip():
        return LONG_OVER
    return None if end is None or end >= NEVER else end


def as_json(value: Value) -> Any:
    """Return what a text holds, JSON or a literal of Python; None if it is neither. Nothing of it is executed."""
    text = as_text(value).strip()
    for read in (json.loads, ast.literal_eval):
        try:
            return read(text)
        except (ValueError, SyntaxError, MemoryError, RecursionError):
            continue
    return None

"""The values of words without quotes in YAML."""

import re
from collections.abc import Iterable
from typing import Any

from esb.core.redaction import REDACTED, sounds_secret

WORDS: dict[str, Any] = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL")),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
}
LOOSE_WORDS = {
    **dict.fromkeys(("yes", "Yes", "YES", "on", "On", "ON"), True),
    **dict.fromkeys(("no", "No", "NO", "off", "Off", "OFF"), False),
}
INTEGER = re.compile(r"[-+]?(0|[1-9][0-9]{0,99})")
HEXADECIMAL = re.compile(r"0x[0-9a-fA-F]{1,99}")
NUMBER = re.compile(r"[-+]?([0-9]+\.[0-9]*|\.[0-9]+)([eE][-+]?[0-9]+)?")
INFINITE = re.compile(r"([-+]?)\.(inf|Inf|INF|nan|NaN|NAN)")
SECRET_NAMES = re.compile(r"(^|\.)(token|secret|password)s$", re.IGNORECASE)
EXPONENT = re.compile(r"[-+]?[0-9]+[eE][-+]?[0-9]+")


def plainly(text: str) -> Any:
    """Return the value of a word without quotes: null, a boolean, a number, or the text itself."""
    if text in WORDS:
        return WORDS[text]
    if INTEGER.fullmatch(text):
        return int(text)
    if HEXADECIMAL.fullmatch(text):
        return int(text, 16)
    if NUMBER.fullmatch(text):
        return float(text)
    if match := INFINITE.fullmatch(text):
        return float(match[1] + match[2])
    return text


def loosely(text: str) -> Any:
    """Return the value of a word where a text is refused: `yes` and `1e3` have one, too."""
    if text in LOOSE_WORDS:
        return LOOSE_WORDS[text]
    return float(text) if EXPONENT.fullmatch(text) else plainly(text)


def nearest(word: str, known: Iterable[str]) -> str:
    """Return the known word that is similar to this one; "" if none is."""
    import difflib

    return next(iter(difflib.get_close_matches(word, list(known), n=1)), "")


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """Return the end of a mistake about an unknown word: a similar known one, or ""."""
    name = nearest(word, known)
    return f" (did you mean '{name}'?)" if name else ""


def are_secrets(key: str) -> bool:
    """Return whether the names below this key are secrets themselves, as those of `tokens: {TOKEN: user}` are."""
    return SECRET_NAMES.search(key) is not None


def joined(key: str, part: str | int) -> str:
    """Return the dotted key of a part: `components[0].config.wx_type`. No secret is in it, where one is a name."""
    if isinstance(part, int):
        return f"{key}[{part}]"
    name = part if part and part.isprintable() else repr(part)
    before, colon, _ = name.partition(":")
    if are_secrets(key):
        name = REDACTED
    elif colon and sounds_secret(before):  # `password:hunter2`, where the blank is missing
        name = f"{before}:{REDACTED}"
    return f"{key}.{name}" if key else name

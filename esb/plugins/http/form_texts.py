"""Parameters as a query or a form has them."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any
from urllib.parse import quote_plus

from esb.core import json_codec

Pairs = list[tuple[str, str]]
WINDOW = 2**16
"""The characters that are encoded in one go: the standard library makes an object of each of their bytes."""


def pairs_of(parameters: Mapping[str, Any]) -> Pairs:
    """Write parameters as a query or a form has them: a list repeats its name, null is left out."""
    return [(name, text) for name, value in parameters.items() for text in _texts(value)]


def encoded(pairs: Sequence[tuple[str, str]]) -> str:
    """Return the text of a query or a form."""
    return "&".join([f"{_quoted(name)}={_quoted(text)}" for name, text in pairs])


def _quoted(text: str) -> str:
    return "".join([quote_plus(text[start : start + WINDOW]) for start in range(0, len(text), WINDOW)])


def _texts(value: Any) -> Iterable[str]:
    match value:
        case None:
            return ()
        case bool():
            return ("true" if value else "false",)
        case list() | tuple():
            return tuple(text for item in value for text in _texts(item))
        case dict():
            return (json_codec.encode(value).decode(),)
    return (str(value),)

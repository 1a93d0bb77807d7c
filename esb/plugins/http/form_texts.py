"""Parameters as a query or a form has them."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any
from urllib.parse import urlencode

from esb.core import json_codec

Pairs = list[tuple[str, str]]


def pairs_of(parameters: Mapping[str, Any]) -> Pairs:
    """Write parameters as a query or a form has them: a list repeats its name, null is left out."""
    return [(name, text) for name, value in parameters.items() for text in _texts(value)]


def encoded_form(pairs: Sequence[tuple[str, str]]) -> bytes:
    """Encode a form."""
    return urlencode(pairs).encode()


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

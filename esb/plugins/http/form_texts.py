"""Parameters as a query or a form has them."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from io import BytesIO
from typing import Any
from urllib.parse import quote, quote_plus, unquote_plus, urlencode

from esb.core import json_codec
from esb.core.errors import RequestError
from esb.core.reasons import Reason

LONGEST_QUERY = 2**16
"""Characters of a query. Hardly any server reads more than 8 KiB; and a URL is read as a whole, by everybody."""
WINDOW = 2**16
"""The characters of a text that are encoded in one go: meanwhile each byte takes eight."""

_IN_QUERIES = "!\"$%&'()*+,/:;<=>?@[\\]^`{|}~"
"""Characters of a query that stay as a client wrote them."""

Pairs = list[tuple[str, str]]


def pairs_of(parameters: Mapping[str, Any]) -> Pairs:
    """Write parameters as a query or a form has them: a list repeats its name, null is left out."""
    return [
        (name, _text(item))
        for name, value in parameters.items()
        for item in (_items(value) if isinstance(value, list | tuple) else (value,))
        if item is not None
    ]


def encoded_form(pairs: Iterable[tuple[str, str]]) -> bytes:
    """Encode a form, as `urlencode` does. That would hold a long value twenty times."""
    body = BytesIO()
    for name, text in pairs:
        if body.tell():
            body.write(b"&")
        _write(body, name)
        body.write(b"=")
        _write(body, text)
    return body.getvalue()


def encoded_query(pairs: Sequence[tuple[str, str]]) -> str:
    """Encode a query, blanks as %20, which every server reads as one. RequestError if it is over LONGEST_QUERY."""
    least = sum(len(name) + len(text) + len("=&") for name, text in pairs) - len("&")
    if least > LONGEST_QUERY:
        raise _too_long()
    return joined_query([urlencode(pairs, quote_via=quote, safe="")])


def joined_query(pieces: Iterable[str]) -> str:
    """Join encoded pieces of a query. RequestError if it is over LONGEST_QUERY."""
    query = "&".join(pieces)
    if len(query) > LONGEST_QUERY:
        raise _too_long()
    return query


def passed_piece(piece: str, passes: Callable[[str], bool]) -> str | None:
    """Return a piece of a caller's query as it came; None if it is a parameter that does not pass.

    To some upstreams a semicolon parts parameters too: it is encoded where one behind it would be none that passes.
    """
    if not passes(name_in(piece)):
        return None
    written = quote(piece, safe=_IN_QUERIES)
    if ";" in piece and not all(passes(name_in(part)) for part in piece.split(";")):
        return written.replace(";", "%3B")
    return written


def name_in(piece: str) -> str:
    """Return the name in a piece of a query: `name=value`."""
    return unquote_plus(piece.partition("=")[0])


def _too_long() -> RequestError:
    return RequestError(
        "Parameters error, as the query of an address they are longer than {most} characters",
        call_reason=Reason.PARAMETERS,
        most=LONGEST_QUERY,
    )


def _write(body: BytesIO, text: str) -> None:
    for start in range(0, len(text), WINDOW):
        body.write(quote_plus(text[start : start + WINDOW]).encode())


def _items(value: Iterable[Any]) -> Iterator[Any]:
    """Yield what is in a list, and in the lists in it, however deep."""
    levels = [iter(value)]
    while levels:
        for item in levels[-1]:
            if isinstance(item, list | tuple):
                levels.append(iter(item))
                break
            yield item
        else:
            levels.pop()


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return json_codec.encode(value).decode() if isinstance(value, dict) else str(value)

"""The head of an answer, parsed a second time when somebody asks for its headers: for most answers nobody does.

A callback for each header would be the larger part of what reading an answer costs. Bench: send, gateway:httptools.
"""

from contextlib import suppress

from multidict import CIMultiDict, MultiMapping

try:
    import httptools
except ImportError:  # pragma: no cover - tests/project/test_fallbacks.py runs a gateway without it
    httptools = None  # type: ignore[assignment]  # connection.INSTALLED says so

RawHeaders = list[tuple[bytes, bytes]]
"""Names and values as they came."""


def response_parser(protocol: object) -> "httptools.HttpResponseParser":
    """Return a parser that calls this protocol, as lenient as aiohttp's, the same llhttp, is in production."""
    parser = httptools.HttpResponseParser(protocol)
    parser.set_dangerous_leniencies(
        lenient_headers=True, lenient_optional_cr_before_lf=True, lenient_spaces_after_chunk_size=True
    )
    return parser


def raw_headers(head: bytes) -> list[RawHeaders]:
    """Return the headers of each interim answer in these bytes, and last those of the answer.

    A parser has read the bytes before, as far as the end of a head.
    """
    reader = _Reader()
    parser = reader.parser = response_parser(reader)
    with suppress(httptools.HttpParserError, httptools.HttpParserUpgrade):  # behind the head, if there is any
        parser.feed_data(head)
    del reader.parser  # or else the two keep each other alive
    return reader.heads


def headers(head: bytes) -> MultiMapping[str]:
    """Return the headers of the answer in these bytes; see `raw_headers`."""
    return CIMultiDict(
        (name.decode("utf-8", "surrogateescape"), value.rstrip(b" \t").decode("utf-8", "surrogateescape"))
        for name, value in raw_headers(head)[-1]
    )


class _Reader:
    """A protocol that collects headers until the head of an answer that is not interim is complete."""

    def __init__(self) -> None:
        self.heads: list[RawHeaders] = []
        self.parser: httptools.HttpResponseParser
        self._is_complete = False

    def on_message_begin(self) -> None:
        if not self._is_complete:
            self.heads.append([])

    def on_header(self, name: bytes, value: bytes) -> None:
        if not self._is_complete:  # or else it is a trailer, or of another answer
            self.heads[-1].append((name, value))

    def on_headers_complete(self) -> None:
        self._is_complete = self._is_complete or self.parser.get_status_code() >= 200

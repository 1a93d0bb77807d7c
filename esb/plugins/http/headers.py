"""The headers that pass through a proxy: what is meant for the other end, and never a credential."""

import re
from collections.abc import Iterable

from multidict import CIMultiDict

_CONTROL = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")
Pairs = Iterable[tuple[str, str]]

HOP_BY_HOP = frozenset(
    {
        "connection",
        "expect",
        "http2-settings",
        "keep-alive",
        "proxy-authenticate",
        "proxy-authentication-info",
        "proxy-authorization",
        "proxy-connection",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
    }
)
"""Headers that end with the connection they came on (RFC 9110 §7.6.1)."""
OURS = frozenset(
    {
        "authorization",
        "bk-app-code",
        "bk-username",
        "cookie",  # it may hold bk_token, under whatever name
        "forwarded",
        "host",
        "x-bkapi-authorization",
        "x-bkapi-jwt",
        "x-dry-run",
        "x-forwarded-for",
        "x-forwarded-host",
        "x-forwarded-port",
        "x-forwarded-proto",
        "x-real-ip",
        "x-request-uri",
        "x-use-test-env",
    }
)
"""Headers meant for the gateway: who calls, by which way, and what it asks of the gateway itself."""
FRAMING = frozenset({"content-length", "content-encoding", "content-type", "content-md5", "digest"})
"""Headers that describe one particular body."""


def for_upstream(pairs: Pairs, *, same_body: bool) -> CIMultiDict[str]:
    """Return the headers of a caller that its upstream sees. `same_body`: the caller's body is passed on as it is."""
    passing = _end_to_end(pairs)
    for name in OURS | (frozenset() if same_body else FRAMING):
        passing.popall(name, None)
    return passing


def for_caller(pairs: Pairs) -> CIMultiDict[str]:
    """Return the headers of an upstream that the caller sees, without those that hold control characters."""
    return _end_to_end((name, value) for name, value in pairs if _CONTROL.search(name + value) is None)


def _end_to_end(pairs: Pairs) -> CIMultiDict[str]:
    headers = CIMultiDict([(name, _readable(value)) for name, value in pairs])
    named = {token.strip().lower() for line in headers.getall("Connection", ()) for token in line.split(",")}
    for name in HOP_BY_HOP | named:
        headers.popall(name, None)
    return headers


def _readable(value: str) -> str:
    """Return a value that can be written again. Bytes that are no UTF-8 were read as lone surrogates."""
    try:
        value.encode()
    except UnicodeEncodeError:
        return value.encode(errors="surrogateescape").decode("latin-1")
    return value

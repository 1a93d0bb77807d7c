"""The headers that pass through a proxy: what is meant for the other end, and never a credential."""

import re
from collections.abc import Collection, Iterable

from multidict import CIMultiDict

from esb.core.header_names import HOP_BY_HOP, OF_A_BODY, folded, is_for_upstream, is_token

_CONTROL = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")
Pairs = Iterable[tuple[str, str]]

OF_THE_WHOLE_SITE = frozenset(
    {
        "alt-svc",
        "clear-site-data",
        "expect-ct",
        "nel",
        "public-key-pins",
        "public-key-pins-report-only",
        "report-to",
        "reporting-endpoints",
        "strict-transport-security",
    }
)
"""Headers by which one upstream would speak to browsers for all that the gateway's host serves."""
TO_THE_SERVER_IN_FRONT = ("x-accel-", "x-lighttpd-", "x-reproxy-", "x-sendfile")
"""The beginnings of headers that servers in front of the gateway obey: X-Accel-Redirect shows nginx's own files."""


def for_upstream(pairs: Pairs, *, same_body: bool, own: Collection[str] = ()) -> CIMultiDict[str]:
    """Return the headers of a caller that its upstream sees.

    `same_body`: the caller's body is passed on as it is. `own`: folded names of headers that the gateway sets.
    """
    return CIMultiDict(
        (name, value)
        for name, value in _end_to_end(pairs)
        if is_for_upstream(name) and folded(name) not in own and (same_body or name.lower() not in OF_A_BODY)
    )


def for_caller(pairs: Pairs) -> CIMultiDict[str]:
    """Return the headers of an upstream that the caller sees, those only that can be written and say one thing."""
    return CIMultiDict(
        (name, value)
        for name, value in _end_to_end(pairs)
        if is_token(name)
        and _CONTROL.search(value) is None
        and (lower := name.lower()) not in OF_THE_WHOLE_SITE
        and not lower.startswith(TO_THE_SERVER_IN_FRONT)
        and not (lower == "set-cookie" and _is_for_more_hosts(value))
    )


def _is_for_more_hosts(cookie: str) -> bool:
    """Return True if a cookie has a Domain: it would go to other hosts than the one that the gateway answers for."""
    attributes = (part.partition("=") for part in cookie.split(";")[1:])
    return any(name.strip().lower() == "domain" and domain.strip() for name, _, domain in attributes)


def _end_to_end(pairs: Pairs) -> list[tuple[str, str]]:
    """Return the headers without those of this connection; none that describes a body can be named as one of those."""
    headers = [(name, _readable(value)) for name, value in pairs]
    lines = [value for name, value in headers if name.lower() == "connection"]
    named = {token.strip().lower() for line in lines for token in line.split(",")} - OF_A_BODY
    return [(name, value) for name, value in headers if name.lower() not in HOP_BY_HOP | named]


def _readable(value: str) -> str:
    """Return a value that can be written again. Bytes that are no UTF-8 were read as lone surrogates."""
    try:
        value.encode()
    except UnicodeEncodeError:
        return value.encode(errors="surrogateescape").decode("latin-1")
    return value

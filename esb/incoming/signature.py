"""Signed requests: the string that client and gateway sign, and the check of what came. Pure functions.

The form is that of BlueKing's component SDK, `get_signature` in blueking/component/utils.py: base64 of HMAC-SHA1 over
METHOD + path + "?" + "k=v" of all parameters, joined by "&" in the order of their names. Values are signed as they are
before they are percent-encoded, and the raw body joins them as a parameter named `data`.
"""

import base64
import hashlib
import hmac
from collections.abc import Iterable, Mapping
from urllib.parse import unquote

from esb.core.call import Signed
from esb.core.errors import AuthenticationError

WINDOW = 300
"""Seconds that a timestamp may lie in the past or in the future."""


def offered(query: Mapping[str, str]) -> str:
    """Return the signature that a query brings; "" if it brings none."""
    return query.get("bk_signature") or query.get("signature") or ""


def string_to_sign(method: str, path: str, query: Mapping[str, str], body: bytes) -> bytes:
    """Return what both sides sign. Bytes, because a body need not be text."""
    unsigned = {"bk_signature"} if query.get("bk_signature") else {"bk_signature", "signature"}
    parts = {key: _bytes(value) for key, value in query.items() if key not in unsigned}
    if body or method == "POST":
        # The SDK signs any body that it sends; the old ESB looked only at a POST's, and signed its absence too.
        parts["data"] = body
    parameters = b"&".join(_bytes(key) + b"=" + parts[key] for key in sorted(parts))
    return _bytes(method + path) + b"?" + parameters


def verify(signed: Signed, secrets: Iterable[bytes]) -> bool:
    """Return True if the signature in the query was made with one of these secrets.

    The path counts as it came and percent-decoded: SDKs sign the one or the other.
    """
    claimed = _bytes(offered(signed.query))
    matches = [
        hmac.compare_digest(sign(secret, string_to_sign(signed.method, path, signed.query, signed.body)), claimed)
        for secret in secrets
        if secret  # anybody can sign with an empty one
        for path in {signed.path, unquote(signed.path)}
    ]  # all of them: no early exit to measure
    return any(matches)


def sign(secret: bytes, text: bytes) -> bytes:
    return base64.b64encode(hmac.new(secret, text, hashlib.sha1).digest())


def nonce(query: Mapping[str, str]) -> int:
    """Return the nonce of a signed request, a positive integer; AuthenticationError if it is none."""
    text = query.get("bk_nonce")
    if not text:
        raise AuthenticationError("Parameter bk_nonce does not exist")
    try:
        number = int(text)
    except ValueError:
        raise AuthenticationError("Parameter bk_nonce is illegal") from None
    if number <= 0:
        raise AuthenticationError("Parameter bk_nonce is illegal, it must be a positive integer")
    return number


def timestamp(query: Mapping[str, str], now: float) -> int:
    """Return the time of signing, in seconds since 1970. AuthenticationError if it is over WINDOW away from `now`."""
    text = query.get("bk_timestamp")
    if not text:
        raise AuthenticationError("Parameter bk_timestamp does not exist")
    try:
        seconds = int(text)
    except ValueError:
        raise AuthenticationError("Parameter bk_timestamp is illegal, due to non-time format") from None
    if seconds < int(now) - WINDOW:
        raise AuthenticationError("Parameter bk_timestamp is illegal, because it has expired")
    if seconds > int(now) + WINDOW:
        raise AuthenticationError("Parameter bk_timestamp is illegal, because it lies too far in the future")
    return seconds


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")  # a path may hold bytes that are no UTF-8

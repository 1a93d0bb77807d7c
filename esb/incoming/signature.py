"""Signed requests: the string that client and gateway sign, and the check of what came. Pure functions.

The form is that of BlueKing's component SDK, `get_signature` in blueking/component/utils.py: base64 of HMAC-SHA1 over
METHOD + path + "?" + "k=v" of all parameters, joined by "&" in the order of their names. Values are signed as they are
before they are percent-encoded, and the raw body joins them as a parameter named `data`.

That form does not tell the signs between parameters from the same signs in them: {a: 1, b: 2} and {a: "1&b=2"} are one
text. A request that can be read in two ways is refused, however it is signed; so a signature that was made for the
one is of no use for the other.
"""

import base64
import hashlib
import hmac
import re
from collections.abc import Iterable, Mapping
from itertools import pairwise
from urllib.parse import unquote

from esb.core.call import Signed
from esb.core.errors import AuthenticationError, RequestError
from esb.core.offloading import offloaded
from esb.core.reasons import Reason
from esb.incoming.body import AT_ONCE

WINDOW = 300
"""Seconds that a timestamp may lie in the past or in the future."""
BODY = "data"
"""The name under which the body is signed."""
_TWOFOLD = re.compile("%(25|2f|3f)", re.I)
"""Escapes that make another path, or the end of one, when they are decoded."""


def offered(query: Mapping[str, str]) -> str:
    """Return the signature that a query brings; "" if it brings none."""
    return query.get("bk_signature") or query.get("signature") or ""


def string_to_sign(method: str, path: str, query: Mapping[str, str], body: bytes) -> bytes:
    """Return what both sides sign. Bytes, because a body need not be text."""
    parts = {key: _bytes(value) for key, value in _covered(query).items()}
    if body or method == "POST":
        # The SDK signs any body that it sends; the old ESB looked only at a POST's, and signed its absence too.
        parts[BODY] = body
    parameters = b"&".join(_bytes(key) + b"=" + parts[key] for key in sorted(parts))
    return _bytes(method + path) + b"?" + parameters


def check_unambiguous(signed: Signed) -> None:
    """Raise RequestError for a request whose signed text is that of another request too.

    A name with a separator; a value that goes on like the next parameters; a body in the place of a parameter, or the
    other way round; a form that may go on in the query. JSON cannot: it has its own end.
    """
    query, body = _covered(signed.query), signed.body
    parts = query if BODY in query else {**query, **({BODY: ""} if body or signed.method == "POST" else {})}
    names = sorted(parts)
    has_query_only = signed.method in {"GET", "HEAD"}
    is_form = bool(body) and not body.lstrip().startswith(b"{")
    if (
        any("&" in name or "=" in name for name in names)
        or any(_goes_on(parts[name], name, after) for name, after in pairwise([*names, ""]))
        or (bool(body) if has_query_only else BODY in query)
        or (is_form and (names[-1] > BODY or body.startswith(b"&")))
    ):
        raise RequestError(
            "Parameters error, what the signature [bk_signature] covers can be read in more than one way: "
            "please send the parameters as a JSON body",
            call_reason=Reason.SIGNATURE_WRONG,
        )


def _goes_on(value: str, name: str, after: str) -> bool:
    """Return True if this value of `name` reads like several parameters in order, before the one named `after`."""
    others = [piece.partition("=") for piece in value.split("&")[1:]]
    return any(sign and name < other and (not after or other <= after) for other, sign, _ in others)


async def verified(signed: Signed, secrets: Iterable[bytes]) -> int:
    """Return what `verify` returns: in a thread for a large body, which is hashed for each secret and path."""
    return await offloaded(len(signed.body), AT_ONCE, verify, signed, secrets)


def verify(signed: Signed, secrets: Iterable[bytes]) -> int:
    """Return the number of the secret, from 1 on, that the signature in the query was made with; 0 if with none.

    The path counts as it came and percent-decoded: SDKs sign the one or the other. Decoded, it must be one path still.
    """
    paths = {signed.path} if _TWOFOLD.search(signed.path) else {signed.path, unquote(signed.path)}
    claimed = _bytes(offered(signed.query))
    matches = [
        number
        * hmac.compare_digest(sign(secret, string_to_sign(signed.method, path, signed.query, signed.body)), claimed)
        for number, secret in enumerate(secrets, 1)
        if secret  # anybody can sign with an empty one
        for path in paths
    ]  # all of them: no early exit to measure
    return max(matches, default=0)


def sign(secret: bytes, text: bytes) -> bytes:
    return base64.b64encode(hmac.new(secret, text, hashlib.sha1).digest())


def nonce(query: Mapping[str, str]) -> int:
    """Return the nonce of a signed request, a positive integer; AuthenticationError if it is none."""
    text = query.get("bk_nonce")
    if not text:
        raise AuthenticationError("Parameter bk_nonce does not exist", call_reason=Reason.SIGNATURE_WRONG)
    try:
        number = int(text)
    except ValueError:
        raise AuthenticationError("Parameter bk_nonce is illegal", call_reason=Reason.SIGNATURE_WRONG) from None
    if number <= 0:
        raise AuthenticationError(
            "Parameter bk_nonce is illegal, it must be a positive integer", call_reason=Reason.SIGNATURE_WRONG
        )
    return number


def timestamp(query: Mapping[str, str], now: float) -> int:
    """Return the time of signing, in seconds since 1970. AuthenticationError if it is over WINDOW away from `now`."""
    text = query.get("bk_timestamp")
    if not text:
        raise AuthenticationError("Parameter bk_timestamp does not exist", call_reason=Reason.SIGNATURE_WRONG)
    try:
        seconds = int(text)
    except ValueError:
        raise AuthenticationError(
            "Parameter bk_timestamp is illegal, due to non-time format", call_reason=Reason.SIGNATURE_WRONG
        ) from None
    if seconds < int(now) - WINDOW:
        raise AuthenticationError(
            "Parameter bk_timestamp is illegal, because it has expired", call_reason=Reason.TIMESTAMP_EXPIRED
        )
    if seconds > int(now) + WINDOW:
        raise AuthenticationError(
            "Parameter bk_timestamp is illegal, because it lies too far in the future",
            call_reason=Reason.TIMESTAMP_EXPIRED,
        )
    return seconds


def _covered(query: Mapping[str, str]) -> dict[str, str]:
    """Return the parameters of a query without its signature."""
    unsigned = {"bk_signature"} if query.get("bk_signature") else {"bk_signature", "signature"}
    return {name: value for name, value in query.items() if name not in unsigned}


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")  # a path may hold bytes that are no UTF-8

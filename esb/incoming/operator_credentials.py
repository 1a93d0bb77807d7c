"""The credentials of operators, and the names by which their listeners may be asked."""

import hashlib
import hmac
import ipaddress
import re
from collections.abc import Sequence

from esb.config import AdminToken

HOST = re.compile(r"(?P<name>\[[0-9A-Fa-f:.]+\]|[^\[\]:@/?#]+)(:[0-9]*)?")


def bearer(authorization: str) -> str:
    """Return the token in this header; "" if it carries none."""
    scheme, _, token = authorization.partition(" ")
    return token.strip() if scheme.lower() == "bearer" else ""


def known_token(token: str, tokens: Sequence[AdminToken]) -> AdminToken | None:
    """Return which of the tokens this is, None if none. How long it takes tells nothing about any of them."""
    if not token:
        return None
    found = hashlib.sha256(token.encode("utf-8", "surrogateescape")).hexdigest()
    matches = [hmac.compare_digest(found, known.hexadecimal) for known in tokens]  # all of them, always
    return next((known for known, is_it in zip(tokens, matches, strict=True) if is_it), None)


def is_known_host(named: Sequence[str], hosts: Sequence[str]) -> bool:
    """Return True if the Host headers have no name that a stranger's name server could make a browser believe in."""
    names = [match["name"].lower() for host in named if (match := HOST.fullmatch(host)) is not None]
    if not names or len(names) < len(named):
        return False
    return all(_is_address(name) or name == "localhost" or name in hosts for name in names)


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name.strip("[]"))
    except ValueError:
        return False
    return True

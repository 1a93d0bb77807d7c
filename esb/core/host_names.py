"""Names of machines and addresses, as configurations give them."""

import re
import socket
from ipaddress import ip_address

LONGEST_NAME = 253
"""Characters of a name in the DNS (RFC 1035, section 2.3.4)."""
_LABEL = re.compile(r"[^\W_](?:[\w-]{0,61}\w)?|_[\w-]{0,62}")
"""A part of a name: letters of any alphabet, digits, hyphens inside; underscores, as containers are often called."""
_NUMBER = re.compile(r"[0-9]+|0[xX][0-9A-Fa-f]*")


def is_host(text: str) -> bool:
    """Return whether a machine can be called so: an address, in brackets or not, or a name."""
    try:
        ip_address(text.removeprefix("[").removesuffix("]"))
    except ValueError:
        return _is_short_address(text) if _NUMBER.fullmatch(text.rpartition(".")[2]) else _is_name(text)
    return True


def is_loopback(host: str) -> bool:
    """Return whether nobody on another machine can come to this address."""
    try:
        return ip_address(host.removeprefix("[").removesuffix("]")).is_loopback
    except ValueError:
        return host.lower() == "localhost"


def _is_name(text: str) -> bool:
    labels = text.removesuffix(".").split(".")
    return len(text) <= LONGEST_NAME and all(_LABEL.fullmatch(label) for label in labels)


def _is_short_address(text: str) -> bool:
    """Return whether resolvers take this for an IPv4 address that is written with fewer numbers: 127.1, 2130706433."""
    try:
        socket.inet_aton(text)
    except OSError:
        return False
    return True

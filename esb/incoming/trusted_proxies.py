"""The word of trusted proxies about a request: the path that its client signed, and the client's address."""

import ipaddress
from collections.abc import Sequence

from multidict import MultiMapping

Network = ipaddress.IPv4Network | ipaddress.IPv6Network


def signed_path(path: str, remote: str, headers: MultiMapping[str], trusted: Sequence[Network]) -> str:
    """Return the path that a client signed: a trusted proxy may have rewritten it, and then says what it was."""
    original = headers.get("X-Request-Uri")
    if original and trusted and _is_trusted(remote, trusted):
        return original.partition("?")[0]
    return path


def client_ip(remote: str, headers: MultiMapping[str], trusted: Sequence[Network]) -> str:
    """Return the nearest address that is none of our own proxies."""
    if not trusted or not _is_trusted(remote, trusted):
        return remote
    forwarded = ",".join(headers.getall("X-Forwarded-For", ()))  # some proxies add a line of their own
    for hop in reversed([hop.strip() for hop in forwarded.split(",")]):
        if not _is_address(hop):
            break  # what somebody wrote there is no address: trust nothing beyond it
        remote = hop
        if not _is_trusted(hop, trusted):
            break
    return remote


def _is_trusted(address: str, trusted: Sequence[Network]) -> bool:
    return _is_address(address) and any(ipaddress.ip_address(address) in network for network in trusted)


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True

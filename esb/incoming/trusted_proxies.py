"""The word of trusted proxies about a request: the path that its client signed, and the client's address."""

import ipaddress
import re
from collections.abc import Iterator, Sequence

from multidict import MultiMapping

from esb.config.component_paths import ROOT

Network = ipaddress.IPv4Network | ipaddress.IPv6Network
Address = ipaddress.IPv4Address | ipaddress.IPv6Address

_HOP = re.compile(r"(?P<v4>[0-9.]+)(?::\w+)?|\[(?P<v6>[0-9a-f:.]+)\](?::\w+)?|(?P<bare>[0-9a-f:.]+)", re.ASCII | re.I)
"""An address, with the port that some proxies write. One with a scope (%eth0) means nothing on another machine."""
_PAIR = re.compile(r'\s*(\w+)\s*=\s*"?([^"]*)"?\s*', re.ASCII)


def signed_path(path: str, remote: str, headers: MultiMapping[str], trusted: Sequence[Network]) -> str:
    """Return the path that a client signed: a trusted proxy may have rewritten its beginning, and then names it.

    A proxy that rewrites nothing may pass on what its client says there. So it counts only for what stands before the
    component's own path, and not if it is said twice: no signature is good for another component.
    """
    words = headers.getall("X-Request-Uri", ())
    if len(words) != 1 or not is_trusted(peer(remote), trusted):
        return path
    original, root = words[0].partition("?")[0], f"{ROOT}/"
    if not path.startswith(root) or original.startswith(root):
        return path
    kept = path if root in original else path.removeprefix(ROOT)
    return original if original.endswith(kept) else path


def client_ip(remote: str, headers: MultiMapping[str], trusted: Sequence[Network]) -> str:
    """Return the nearest address that is none of our own proxies.

    Proxies name it in X-Forwarded-For, or else in Forwarded (RFC 7239).
    """
    if not trusted or not is_trusted(peer(remote), trusted):
        return remote
    for hop in _hops(headers):
        address = _address(hop)
        if address is None:
            break  # what somebody wrote there is no address: trust nothing beyond it
        remote = str(address)
        if not is_trusted(address, trusted):
            break
    return remote


def scheme(remote: str, headers: MultiMapping[str], trusted: Sequence[Network]) -> str:
    """Return what the client spoke to the outermost proxy, if a trusted one tells: http or https."""
    if not is_trusted(peer(remote), trusted):
        return "http"
    if "X-Forwarded-Proto" in headers:
        said = headers["X-Forwarded-Proto"].partition(",")[0].strip()
    else:
        said = _forwarded_scheme(headers, trusted)
    return "https" if said.lower() == "https" else "http"


def _hops(headers: MultiMapping[str]) -> Iterator[str]:
    """Yield what proxies wrote for an address, the nearest first. Some of them add a line of their own."""
    if "X-Forwarded-For" in headers:
        yield from reversed(",".join(headers.getall("X-Forwarded-For")).split(","))
        return
    for element in _forwarded(headers):
        yield _said(element, "for")


def _forwarded_scheme(headers: MultiMapping[str], trusted: Sequence[Network]) -> str:
    """Return what the outermost trusted proxy says in Forwarded that it was spoken to in; "" if it does not."""
    said = ""
    for element in _forwarded(headers):
        said = _said(element, "proto")
        if not is_trusted(_address(_said(element, "for")), trusted):
            break  # what stands before this, its client wrote
    return said


def _forwarded(headers: MultiMapping[str]) -> Iterator[str]:
    """Yield the elements of Forwarded, that of the nearest proxy first."""
    # No address has a comma or a semicolon; so a quote that a client left open hides nothing of what comes behind it.
    return reversed(",".join(headers.getall("Forwarded", ())).split(","))


def _said(element: str, name: str) -> str:
    """Return the value that an element of Forwarded gives this name; "" if it gives none, or several."""
    values = [match[2] for part in element.split(";") if (match := _PAIR.fullmatch(part)) and match[1].lower() == name]
    return values[0] if len(values) == 1 else ""


def peer(remote: str) -> Address | None:
    """Return the address of a connection's other end, as the system tells it: with a scope, if it is of this link."""
    return _address(remote.partition("%")[0])


def is_trusted(address: Address | None, trusted: Sequence[Network]) -> bool:
    """Return True if this is the address of one of our own proxies."""
    return address is not None and any(address in network for network in trusted)


def _address(text: str) -> Address | None:
    """Return the address of a hop; None if it is none. An IPv4 address that is written as IPv6 is the IPv4 one."""
    match = _HOP.fullmatch(text.strip())
    if match is None:
        return None
    try:
        address = ipaddress.ip_address(match["v4"] or match["v6"] or match["bare"])
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address

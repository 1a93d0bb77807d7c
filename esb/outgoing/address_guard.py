"""The addresses behind which no third-party system lives: link-local ones, and those of clouds' metadata."""

import ipaddress
import socket
from collections.abc import Iterator

Address = ipaddress.IPv4Address | ipaddress.IPv6Address

REFUSED = tuple(
    ipaddress.ip_network(network)
    for network in (
        "169.254.0.0/16",  # link-local; nearly every cloud's metadata
        "fe80::/10",  # link-local
        "fd00:ec2::254/128",  # metadata of AWS
        "fd20:ce::254/128",  # metadata of Google Cloud
        "100.100.100.200/32",  # metadata of Alibaba Cloud
        "168.63.129.16/32",  # the host agent of Azure
    )
)
NAT64 = ipaddress.IPv6Network("64:ff9b::/96")
IPV4_COMPATIBLE = ipaddress.IPv6Network("::/96")


def literal(host: str) -> Address | None:
    """Return the address that a URL's host is, in any of the forms that resolvers take for one; None for a name."""
    try:
        return ipaddress.ip_address(host.strip("[]"))
    except ValueError:
        pass
    try:
        return ipaddress.IPv4Address(socket.inet_aton(host))  # 2852039166, 0xa9.254.169.254, 169.16689662
    except (OSError, ValueError):
        return None


def is_refused(address: Address) -> bool:
    """Return whether this is a link-local or metadata address, also when it is wrapped in an IPv6 one."""
    return any(form in network for form in _forms(address) for network in REFUSED)


def _forms(address: Address) -> Iterator[Address]:
    """The address, and the IPv4 address that is embedded in it."""
    if isinstance(address, ipaddress.IPv4Address):
        yield address
        return
    yield ipaddress.IPv6Address(int(address))  # without its zone
    if address.ipv4_mapped is not None:
        yield address.ipv4_mapped
    if address.sixtofour is not None:
        yield address.sixtofour
    if address.teredo is not None:
        yield from address.teredo
    if address in NAT64 or address in IPV4_COMPATIBLE:
        yield ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)

"""The addresses behind which no third-party system lives: link-local ones, and those of clouds' metadata.

Sources of the clouds' own addresses:
- AWS: docs.aws.amazon.com/AWSEC2/latest/UserGuide/instancedata-data-retrieval.html, and for the Pod Identity agent,
  which hands out credentials of roles, docs.aws.amazon.com/eks/latest/userguide/pod-id-how-it-works.html
- Google Cloud: cloud.google.com/compute/docs/metadata/querying-metadata
- Alibaba Cloud: www.alibabacloud.com/help/en/ecs/user-guide/view-instance-metadata
- Azure: learn.microsoft.com/azure/virtual-network/what-is-ip-address-168-63-129-16
- Oracle Cloud Classic: docs.oracle.com/en/cloud/iaas/compute-iaas-cloud/stcsg/retrieving-instance-metadata.html
"""

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
        "fd00:ec2::23/128",  # Pod Identity agent of AWS
        "fd20:ce::254/128",  # metadata of Google Cloud
        "100.100.100.200/32",  # metadata of Alibaba Cloud
        "168.63.129.16/32",  # the host agent of Azure
        "192.0.0.192/32",  # metadata of Oracle Cloud Classic
    )
)
NAT64 = ipaddress.IPv6Network("64:ff9b::/96")
NAT64_LOCAL = ipaddress.IPv6Network("64:ff9b:1::/48")
"""Prefix of RFC 8215 for translators of one's own; they embed an IPv4 address in any of the ways of RFC 6052."""
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
    if address in NAT64_LOCAL:
        yield from _translated(address)


def _translated(address: ipaddress.IPv6Address) -> Iterator[ipaddress.IPv4Address]:
    """Every IPv4 address that a translator may find, by the length of its prefix: RFC 6052, section 2.2."""
    packed = address.packed
    without_u = packed[:8] + packed[9:]  # the octet that is kept free in the middle of the shorter ones
    for octets in (6, 7, 8):
        yield ipaddress.IPv4Address(without_u[octets : octets + 4])
    yield ipaddress.IPv4Address(packed[12:])

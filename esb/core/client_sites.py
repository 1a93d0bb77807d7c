"""The sites that clients come from: whoever has one IPv6 address has all of its network, and counts as one."""

from ipaddress import IPv6Address, ip_address

PREFIX = 64
"""The bits of an IPv6 address that tell one site from another: its owner chooses the rest."""


def site_of(address: str) -> str:
    """Return the address that stands for a site: of IPv6, the first of its network; any other as it is."""
    if ":" not in address:
        return address
    try:
        known = ip_address(address.partition("%")[0])
    except ValueError:
        return address
    if not isinstance(known, IPv6Address):
        return address
    return str(known.ipv4_mapped or IPv6Address(int(known) >> PREFIX << PREFIX))

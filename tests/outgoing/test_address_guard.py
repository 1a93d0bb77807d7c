"""Addresses that no third-party system has, in whatever form they are written."""

import ipaddress

import pytest

from esb.outgoing.address_guard import is_refused, literal


@pytest.mark.parametrize(
    ("host", "address"),
    [
        ("10.1.2.3", "10.1.2.3"),
        ("[::1]", "::1"),
        ("fe80::1%eth0", "fe80::1%eth0"),
        ("2130706433", "127.0.0.1"),
        ("0x7f.1", "127.0.0.1"),
        ("0251.0376.0251.0376", "169.254.169.254"),
        ("localhost", None),
        ("1.2.3.4.5", None),
        ("", None),
        ("a.example", None),
    ],
)
def test_an_address_is_known_in_every_form_that_resolvers_take(host: str, address: str | None) -> None:
    assert literal(host) == (None if address is None else ipaddress.ip_address(address))


@pytest.mark.parametrize(
    "address",
    [
        "169.254.0.0",
        "169.254.255.255",
        "100.100.100.200",
        "168.63.129.16",
        "fe80::1",
        "febf::1",
        "fe80::1%eth0",
        "192.0.0.192",
        "::ffff:192.0.0.192",
        "fd00:ec2::254",
        "fd00:ec2::23",
        "fd20:ce::254",
        "::ffff:169.254.169.254",
        "::169.254.169.254",
        "64:ff9b::169.254.169.254",
        "64:ff9b:1::169.254.169.254",  # RFC 6052, a prefix of 96 bits
        "64:ff9b:1:ffff:ffff:ffff:169.254.169.254",
        "64:ff9b:1:a9fe:a9:fe00::",  # 48 bits
        "64:ff9b:1:12a9:fe:a9fe::",  # 56 bits
        "64:ff9b:1:1234:a9:fea9:fe00:0",  # 64 bits
        "2002:a9fe:a9fe::",
        "2001:0:a9fe:a9fe::",
    ],
)
def test_link_local_and_metadata_addresses_are_refused(address: str) -> None:
    assert is_refused(ipaddress.ip_address(address))


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1",
        "10.0.0.1",
        "169.253.255.255",
        "169.255.0.0",
        "100.100.100.201",
        "192.0.0.191",
        "::1",
        "fec0::1",
        "fd00:ec2::253",
        "64:ff9b:1::10.0.0.1",
        "64:ff9b:1:a00:0:100::",
        "64:ff9b:2::169.254.169.254",
    ],
)
def test_other_addresses_are_not(address: str) -> None:
    assert not is_refused(ipaddress.ip_address(address))

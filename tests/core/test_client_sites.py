"""The sites that clients come from."""

import pytest

from esb.core.client_sites import site_of


@pytest.mark.parametrize(
    ("address", "site"),
    [
        ("198.51.100.1", "198.51.100.1"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::"),
        ("2001:DB8:1:2::", "2001:db8:1:2::"),
        ("fe80::1%eth0", "fe80::"),
        ("::ffff:198.51.100.1", "198.51.100.1"),
        ("no:address", "no:address"),
        ("", ""),
    ],
)
def test_an_ipv6_address_stands_for_its_site(address: str, site: str) -> None:
    assert site_of(address) == site

"""Address and scheme of a request, as trusted proxies report them."""

from ipaddress import ip_network

import pytest
from multidict import CIMultiDict

from esb.incoming.trusted_proxies import client_ip, signed_path

TRUSTED = (ip_network("10.0.0.0/8"), ip_network("::1/128"))


@pytest.mark.parametrize(
    ("remote", "forwarded", "address"),
    [
        ("10.0.0.1", ["1.2.3.4"], "1.2.3.4"),
        ("10.0.0.1", ["6.6.6.6, 1.2.3.4, 10.0.0.2"], "1.2.3.4"),
        ("10.0.0.1", ["6.6.6.6", "1.2.3.4"], "1.2.3.4"),
        ("10.0.0.1", ["1.2.3.4, unknown"], "10.0.0.1"),
        ("10.0.0.1", [], "10.0.0.1"),
        ("10.0.0.1", ["10.0.0.3, 10.0.0.2"], "10.0.0.3"),
        ("9.9.9.9", ["1.2.3.4"], "9.9.9.9"),
        ("::1", ["1.2.3.4"], "1.2.3.4"),
        ("", ["1.2.3.4"], ""),
    ],
)
def test_the_client_is_the_nearest_address_that_is_no_proxy_of_ours(
    remote: str, forwarded: list[str], address: str
) -> None:
    headers = CIMultiDict([("X-Forwarded-For", line) for line in forwarded])
    assert client_ip(remote, headers, TRUSTED) == address


def test_without_trusted_proxies_nobody_is_believed() -> None:
    headers = CIMultiDict({"X-Forwarded-For": "1.2.3.4", "X-Request-Uri": "/original/?a=1"})
    assert client_ip("10.0.0.1", headers, ()) == "10.0.0.1"
    assert signed_path("/path/", "10.0.0.1", headers, ()) == "/path/"


def test_the_path_is_the_one_that_a_trusted_proxy_was_asked_for() -> None:
    headers = CIMultiDict({"X-Request-Uri": "/original/?a=1"})
    assert signed_path("/path/", "10.0.0.1", headers, TRUSTED) == "/original/"
    assert signed_path("/path/", "9.9.9.9", headers, TRUSTED) == "/path/"
    assert signed_path("/path/", "10.0.0.1", CIMultiDict(), TRUSTED) == "/path/"

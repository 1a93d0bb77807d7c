"""Address and scheme of a request, as trusted proxies report them."""

from ipaddress import ip_network

import pytest
from multidict import CIMultiDict

from esb.incoming.trusted_proxies import client_ip, signed_path

TRUSTED = (ip_network("10.0.0.0/8"), ip_network("::1/128"), ip_network("fe80::/10"))


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
        ("10.0.0.1", ["1.2.3.4:5678"], "1.2.3.4"),
        ("10.0.0.1", ["[2001:DB8::17]:4711, 10.0.0.2:80"], "2001:db8::17"),
        ("10.0.0.1", ["[2001:db8::17]"], "2001:db8::17"),
        ("10.0.0.1", ["::ffff:1.2.3.4, ::ffff:10.0.0.2"], "1.2.3.4"),
        ("::ffff:10.0.0.1", ["1.2.3.4"], "1.2.3.4"),
        ("10.0.0.1", ["[::1]:80"], "::1"),
        ("fe80::1%eth0", ["1.2.3.4"], "1.2.3.4"),
    ],
)
def test_the_client_is_the_nearest_address_that_is_no_proxy_of_ours(
    remote: str, forwarded: list[str], address: str
) -> None:
    headers = CIMultiDict([("X-Forwarded-For", line) for line in forwarded])
    assert client_ip(remote, headers, TRUSTED) == address


@pytest.mark.parametrize(
    "hop",
    [
        *("fe80::1%\udcff", "fe80::1%eth0", "[fe80::1%25eth0]:80", "1.2.3.4%evil", "::1:80:", "[::1", "::1]", "[]", ""),
        *("1.2.3.4:", ":80", "1.2.3.4:80:90", "01.2.3.4", "1.2.3", "1.2.3.4.5", "1.2.3.4/8", "16909060", "0x01020304"),
        *("１.2.3.4", "1.2.3.4\x00", "\udcff", "unknown", "_hidden", "1.2.3.4 5.6.7.8", "9" * 8000, ":" * 8000),
    ],
)
@pytest.mark.parametrize("form", ["X-Forwarded-For: {}", "X-Forwarded-For: 1.2.3.4, {}, 10.0.0.2", "Forwarded: for={}"])
def test_what_is_no_address_is_believed_no_further(hop: str, form: str) -> None:
    name, _, value = form.format(hop).partition(": ")
    address = client_ip("10.0.0.1", CIMultiDict({name: value}), TRUSTED)
    assert address == ("10.0.0.2" if ", 10.0.0.2" in value else "10.0.0.1")


@pytest.mark.parametrize(
    ("forwarded", "address"),
    [
        (["for=1.2.3.4"], "1.2.3.4"),
        (['For="[2001:db8:cafe::17]:4711"'], "2001:db8:cafe::17"),
        (["for=6.6.6.6, for=1.2.3.4;proto=https;by=10.0.0.2"], "1.2.3.4"),
        (["for=6.6.6.6", "proto=https; for = 1.2.3.4:80 , for=10.0.0.2"], "1.2.3.4"),
        (['for="6.6.6.6, for=1.2.3.4'], "1.2.3.4"),
        (["for=6.6.6.6, proto=https"], "10.0.0.1"),
        (["for=6.6.6.6;for=1.2.3.4"], "10.0.0.1"),
        (["for=_hidden", "for=unknown"], "10.0.0.1"),
    ],
)
def test_the_standard_header_names_the_client_too(forwarded: list[str], address: str) -> None:
    headers = CIMultiDict([("Forwarded", line) for line in forwarded])
    assert client_ip("10.0.0.1", headers, TRUSTED) == address
    assert client_ip("9.9.9.9", headers, TRUSTED) == "9.9.9.9"


def test_the_usual_header_wins_over_the_standard_one() -> None:
    headers = CIMultiDict({"X-Forwarded-For": "1.2.3.4", "Forwarded": "for=6.6.6.6"})
    assert client_ip("10.0.0.1", headers, TRUSTED) == "1.2.3.4"


def test_without_trusted_proxies_nobody_is_believed() -> None:
    headers = CIMultiDict({"X-Forwarded-For": "1.2.3.4", "X-Request-Uri": "/original/?a=1"})
    assert client_ip("10.0.0.1", headers, ()) == "10.0.0.1"
    assert signed_path("/path/", "10.0.0.1", headers, ()) == "/path/"


def test_the_path_is_the_one_that_a_trusted_proxy_was_asked_for() -> None:
    path, headers = "/api/c/compapi/a/b/", CIMultiDict({"X-Request-Uri": "/outside/a/b/?a=1"})
    assert signed_path(path, "10.0.0.1", headers, TRUSTED) == "/outside/a/b/"
    assert signed_path(path, "9.9.9.9", headers, TRUSTED) == path
    assert signed_path(path, "10.0.0.1", CIMultiDict(), TRUSTED) == path


@pytest.mark.parametrize(
    ("original", "believed"),
    [
        ("/a/b/", True),
        ("/outside/api/c/compapi/a/b/", True),
        ("/outside/api/c/compapi/v2/a/b/", False),
        ("/api/c/compapi/v2/a/b/", False),
        ("/api/c/compapi/api/c/compapi/a/b/", False),
        ("/outside/a/b", False),
        ("/outside/a/c/", False),
        ("", False),
    ],
)
def test_the_path_of_a_proxy_ends_in_that_of_the_component(original: str, *, believed: bool) -> None:
    path, headers = "/api/c/compapi/a/b/", CIMultiDict({"X-Request-Uri": original})
    assert signed_path(path, "10.0.0.1", headers, TRUSTED) == (original if believed else path)
    headers.add("X-Request-Uri", original)
    assert signed_path(path, "10.0.0.1", headers, TRUSTED) == path


def test_the_word_of_a_proxy_counts_for_components_alone() -> None:
    headers = CIMultiDict({"X-Request-Uri": "/outside/other/a/b/"})
    assert signed_path("/other/a/b/", "10.0.0.1", headers, TRUSTED) == "/other/a/b/"

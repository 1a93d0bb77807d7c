"""Names of machines and addresses."""

import pytest

from esb.core.host_names import is_host, is_loopback


@pytest.mark.parametrize(
    "host",
    [
        *("127.0.0.1", "::1", "[::1]", "fe80::1%eth0", "127.1", "2130706433", "0x7f.1"),
        *(
            "localhost",
            "cc.example.com",
            "cc.example.com.",
            "cc_1",
            "_srv.cc",
            "3com.com",
            "a-b",
            "网关.公司",
            "x" * 63,
        ),
    ],
)
def test_what_a_machine_can_be_called(host: str) -> None:
    assert is_host(host)


@pytest.mark.parametrize(
    "host",
    [
        *("", ".", "a..b", ".a", "-a", "a-", "a b", "a/b", "a:80", "*", "a@b", "x" * 64, ".".join(["x" * 50] * 6)),
        *("10.0.0.256", "10.0.0.0/8", "1.2.3.4.5", "a.5", "256.1"),
    ],
)
def test_what_it_cannot(host: str) -> None:
    assert not is_host(host)


def test_loopback_is_this_machine_alone() -> None:
    assert all(map(is_loopback, ("127.0.0.1", "127.8.9.1", "::1", "[::1]", "localhost", "LOCALHOST")))
    assert not any(map(is_loopback, ("0.0.0.0", "::", "10.0.0.1", "localhost.example.com", "")))

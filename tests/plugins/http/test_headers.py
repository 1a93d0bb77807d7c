"""The headers that pass a proxy, name by name."""

import pytest

from esb.plugins.http.headers import for_caller, for_upstream

OF_ONE_CONNECTION = (
    *("Connection", "Expect", "HTTP2-Settings", "Keep-Alive", "Proxy-Authenticate", "Proxy-Authentication-Info"),
    *("Proxy-Authorization", "Proxy-Connection", "TE", "Trailer", "Transfer-Encoding", "Upgrade"),
)
FOR_THE_GATEWAY = (
    *("Authorization", "Bk-App-Code", "Bk-Username", "Cookie", "Forwarded", "Host", "X-Bkapi-Authorization"),
    *("X-Bkapi-JWT", "X-Dry-Run", "X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Port", "X-Forwarded-Proto"),
    *("X-Real-IP", "X-Request-URI", "X-Use-Test-Env"),
)
OF_ONE_BODY = ("Content-Length", "Content-Encoding", "Content-Type", "Content-MD5", "Digest")
OTHER = ("X-Other", "a")


@pytest.mark.parametrize("name", [*OF_ONE_CONNECTION, *FOR_THE_GATEWAY])
def test_what_is_for_the_gateway_or_one_connection_does_not_go_upstream(name: str) -> None:
    for written in (name, name.lower(), name.upper()):
        assert list(for_upstream([(written, "x"), OTHER, (written, "y")], same_body=True).items()) == [OTHER]


@pytest.mark.parametrize("name", OF_ONE_BODY)
def test_what_describes_a_body_goes_upstream_with_that_body_only(name: str) -> None:
    pairs = [(name, "x"), OTHER]
    assert list(for_upstream(pairs, same_body=True).items()) == pairs
    assert list(for_upstream(pairs, same_body=False).items()) == [OTHER]


@pytest.mark.parametrize("name", OF_ONE_CONNECTION)
def test_what_is_of_one_connection_does_not_come_back(name: str) -> None:
    assert list(for_caller([(name, "x"), OTHER]).items()) == [OTHER]


def test_what_a_connection_names_ends_with_it() -> None:
    pairs = [("Connection", "close, X-Hop"), ("connection", " x-Jump "), ("X-Hop", "1"), ("X-Jump", "2"), OTHER]
    assert list(for_upstream(pairs, same_body=True).items()) == [OTHER]
    assert list(for_caller(pairs).items()) == [OTHER]


def test_everything_else_passes_as_often_as_it_stands_there() -> None:
    pairs = [("Set-Cookie", "a=1"), OTHER, ("Set-Cookie", "b=2")]
    assert list(for_caller(pairs).items()) == pairs

"""The headers that pass a proxy, name by name."""

import pytest

from esb.core.header_names import folded
from esb.plugins.http.headers import for_caller, for_upstream

OF_ONE_CONNECTION = (
    *("Connection", "Expect", "HTTP2-Settings", "Keep-Alive", "Proxy-Authenticate", "Proxy-Authentication-Info"),
    *("Proxy-Authorization", "Proxy-Connection", "TE", "Trailer", "Transfer-Encoding", "Upgrade"),
)
FOR_THE_GATEWAY = (
    *("Bk-Anything", "Client-IP", "Cookie2", "Path-Info", "Proxy", "Remote-User", "Script-Name", "True-Client-IP"),
    *("X-Accel-Mapping", "X-Auth-Request-User", "X-Bk-Username", "X-Bkapi-App", "X-Envoy-Original-Path"),
    *("X-Forwarded", "X-Forwarded-Prefix", "X-Forwarded-User", "X-HTTP-Method", "X-HTTP-Method-Override"),
    *("X-Method-Override", "X-Original-URL", "X-Remote-User", "X-Rewrite-URL", "X-Sendfile-Type"),
    *("Authorization", "Bk-App-Code", "Bk-Username", "Cookie", "Forwarded", "Host", "X-Bkapi-Authorization"),
    *("X-Bkapi-JWT", "X-Dry-Run", "X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Port", "X-Forwarded-Proto"),
    *("X-Real-IP", "X-Request-URI", "X-Use-Test-Env"),
)
OF_ONE_BODY = ("Content-Digest", "Content-Length", "Content-Encoding", "Content-Type", "Content-MD5", "Digest")
OTHER = ("X-Other", "a")


@pytest.mark.parametrize("name", [*OF_ONE_CONNECTION, *FOR_THE_GATEWAY])
def test_what_is_for_the_gateway_or_one_connection_does_not_go_upstream(name: str) -> None:
    for written in (name, name.lower(), name.upper()):
        assert list(for_upstream([(written, "x"), OTHER, (written, "y")], same_body=True).items()) == [OTHER]


@pytest.mark.parametrize("name", [*OF_ONE_CONNECTION, *FOR_THE_GATEWAY, *OF_ONE_BODY])
@pytest.mark.parametrize("hyphen", ["_", ".", "~", "'"])
def test_what_an_upstream_may_read_under_another_name_does_not_go_there(name: str, hyphen: str) -> None:
    other = name.replace("-", hyphen) if "-" in name else name + hyphen
    for written in (other, other.upper(), name.replace("-", hyphen, 1) if "-" in name else other):
        assert list(for_upstream([(written, "x"), OTHER], same_body=True).items()) == [OTHER]


def test_what_folds_onto_a_header_that_the_gateway_sets_does_not_go_upstream() -> None:
    pairs = [("X-Api-Key", "mine"), ("X_Api_Key", "mine"), ("x.api-key", "mine"), OTHER]
    assert list(for_upstream(pairs, same_body=True, own={folded("X_API_KEY")}).items()) == [OTHER]


@pytest.mark.parametrize("name", OF_ONE_BODY)
def test_a_connection_cannot_take_the_description_of_a_body_away(name: str) -> None:
    pairs = [("Connection", f"close, {name}"), (name, "x")]
    assert list(for_upstream(pairs, same_body=True).items()) == pairs[1:]
    assert list(for_caller(pairs).items()) == pairs[1:]


@pytest.mark.parametrize(
    "name",
    [
        *("Alt-Svc", "Clear-Site-Data", "Expect-CT", "NEL", "Public-Key-Pins", "Report-To", "Reporting-Endpoints"),
        *("Strict-Transport-Security", "X-Accel-Redirect", "X-Lighttpd-Send-File", "X-Reproxy-URL", "X-Sendfile"),
        *("X Y", "X-Y ", " X-Y", "X\x00Y", "Ünder", ""),
    ],
)
def test_what_speaks_for_the_whole_site_or_is_no_header_does_not_come_back(name: str) -> None:
    assert list(for_caller([(name, "x"), OTHER]).items()) == [OTHER]


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

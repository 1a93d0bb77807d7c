"""What a component of the proxy does with a request, by its method and its configuration."""

import re
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from esb.plugins.http.config import HttpConfig, TlsFiles
from tests.support.certificates import Authority


def config(**changes: Any) -> HttpConfig:
    return HttpConfig.model_validate({"hosts": ("http://a.example",), "path": "/", **changes})


@pytest.mark.parametrize(
    ("method", "kind", "send"),
    [
        ("GET", "query", "query"),
        ("HEAD", "query", "query"),
        ("DELETE", "operate", "query"),
        ("POST", "operate", "json"),
        ("PUT", "operate", "json"),
        ("PATCH", "operate", "json"),
    ],
)
def test_a_method_tells_what_a_request_is_unless_the_configuration_does(method: str, kind: str, send: str) -> None:
    assert (config().kind_of(method), config().send_of(method)) == (kind, send)
    for told in ("query", "operate"):
        assert config(kind=told).kind_of(method) == told
    for told in ("query", "json", "form"):
        assert config(send=told).send_of(method) == told


def test_each_kind_of_request_has_its_own_time() -> None:
    timed = config(timeout={"query": 3, "operate": 7})
    assert [timed.seconds_of(method) for method in ("GET", "POST")] == [3, 7]
    assert config(kind="query", timeout={"query": 3, "operate": 7}).seconds_of("POST") == 3
    assert config().seconds_of("GET") is None


def test_a_proxy_that_is_told_nothing_changes_nothing() -> None:
    plain = config()
    assert (plain.allow_link_local, plain.method, plain.response, plain.identity) == (
        False,
        None,
        "envelope",
        "headers",
    )
    assert (plain.retries, plain.max_concurrency, plain.breaker, plain.idle_timeout) == (0, None, None, 30.0)
    assert (plain.headers, plain.params, plain.defaults, plain.username_param, plain.tls) == ({}, {}, {}, None, None)


@pytest.mark.parametrize("retries", [-1, 11])
def test_ten_further_attempts_are_enough(retries: int) -> None:
    assert [config(retries=good).retries for good in (0, 10)] == [0, 10]
    with pytest.raises(ValueError, match="retries"):
        config(retries=retries)


def test_seconds_are_more_than_none() -> None:
    assert config(idle_timeout=0.01).idle_timeout == 0.01
    for seconds in (0, -1):
        with pytest.raises(ValueError, match="greater than 0"):
            config(idle_timeout=seconds)


def test_one_at_a_time_is_the_least() -> None:
    assert config(max_concurrency=1).max_concurrency == 1
    with pytest.raises(ValueError, match="greater than or equal to 1"):
        config(max_concurrency=0)


def test_the_heads_of_answers_have_bounds() -> None:
    assert (config().max_header_size, config().max_headers) == (8190, 128)
    for name, least, most in (("max_header_size", 256, 1_048_576), ("max_headers", 1, 10_000)):
        assert [getattr(config(**{name: good}), name) for good in (least, most)] == [least, most]
        for bad in (least - 1, most + 1):
            with pytest.raises(ValueError, match=name):
                config(**{name: bad})


def test_of_tls_files_the_one_that_is_wrong_is_named(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    own, other, wrong = str(authority.issue("own")), str(authority.issue("other")), tmp_path / "wrong.pem"
    wrong.write_text("nothing")
    assert TlsFiles(ca=str(authority.ca), cert=own, key=own).load().ca == str(authority.ca)
    for files, told in (
        ({"ca": str(wrong), "cert": own}, f"`ca`: {wrong}: no certificates in PEM form"),
        ({"ca": str(authority.ca), "cert": str(wrong)}, f"`cert`: {wrong}: no certificate and private key in PEM form"),
        ({"ca": str(authority.ca), "cert": own, "key": str(wrong)}, f"`cert`: {own}: no certificate and private key"),
        ({"cert": own, "key": other}, f"`key`: {other}: not the private key of this certificate"),
        ({"ca": str(tmp_path / "none")}, "none: No such file or directory"),
        ({"key": own}, "`key` needs `cert`"),
    ):
        with pytest.raises(ValidationError, match=re.escape(told)):
            TlsFiles.model_validate(files)

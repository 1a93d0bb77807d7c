"""Secrets told by where they come from, and by a fingerprint that nobody can try them with."""

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest

from esb.config import load
from esb.introspect import config_view
from esb.introspect.secret_sources import SecretSources, lacks_fingerprint, told_alike

MARK = "TOPSECRET"
TEXT = """\
version: 1
services:
  apps:
    use: static
    config:
      apps:
        - {code: a, secrets: ["${A:-TOPSECRET-a}", "${file:secret}", TOPSECRET-literal, "x${A:-TOPSECRET-2}y${B}"]}
        - {code: b, secrets: "${LIST}"}
        - {code: c, secrets: ["${LITERAL}"]}
  login: {use: static, config: {tokens: {TOPSECRET-token: admin}}}
components:
  - path: /a/b/
    use: http
    config: {hosts: ["http://h/TOPSECRET9/x"], path: /x/, params: {pin: "${PIN}"}}
  - {path: "/c/{token}/", use: http, config: {hosts: ["http://h"], path: /}, tokens: [{app: a, token: TOPSECRET-path}]}
"""
ENVIRON = {
    "B": "TOPSECRET-b",
    "LITERAL": "TOPSECRET-literal",
    "LIST": '["TOPSECRET-1", "TOPSECRET-literal"]',
    "PIN": "7",
}


def view(folder: Path, key: bytes | None = b"key", **environ: str) -> Any:
    (folder / "esb.yaml").write_text(TEXT)
    (folder / "secret").write_text("TOPSECRET-file")
    config = load(folder / "esb.yaml", ENVIRON | environ)
    assert config.mistakes == []
    return config_view.rendered(config, SecretSources(key))


def test_each_secret_is_told_by_its_source_and_its_place(tmp_path: Path) -> None:
    found = view(tmp_path)
    file = tmp_path / "esb.yaml"
    apps = found["services"]["apps"]["config"]["apps"]
    told = [(each["source"], each["at"]) for each in (*apps[0]["secrets"], apps[1]["secrets"])]
    assert told == [
        ("${A:-…}", f"{file}:7"),
        ("${file:secret}", f"{file}:7"),
        ("literal", f"{file}:7"),
        ("${A:-…}, ${B}", f"{file}:7"),
        ("${LIST}", f"{file}:8"),
    ]
    host = found["components"][0]["config"]["hosts"][0]
    assert (host["source"], host["shown"]) == ("literal", "http://h/***/x")
    assert found["components"][1]["tokens"][0]["token"]["at"] == f"{file}:15"


def test_no_secret_and_no_fallback_of_one_is_told(tmp_path: Path) -> None:
    for key in (b"key", None):
        assert MARK not in json.dumps(view(tmp_path, key))


def test_a_fingerprint_is_keyed_and_the_same_for_the_same_secret(tmp_path: Path) -> None:
    apps = view(tmp_path)["services"]["apps"]["config"]["apps"]
    one, other = apps[0]["secrets"][2]["fingerprint"], apps[2]["secrets"][0]["fingerprint"]
    assert one == other
    assert one != apps[0]["secrets"][1]["fingerprint"]
    assert one not in hashlib.sha256(b"TOPSECRET-literal").hexdigest()
    assert one != view(tmp_path, b"another key")["services"]["apps"]["config"]["apps"][0]["secrets"][2]["fingerprint"]


def test_without_a_key_there_is_no_fingerprint(tmp_path: Path) -> None:
    found = view(tmp_path, None)
    assert found["services"]["apps"]["config"]["apps"][0]["secrets"][0]["fingerprint"] is None
    assert lacks_fingerprint(found)
    assert not lacks_fingerprint(view(tmp_path))


def test_the_address_of_the_sandbox_is_no_secret(tmp_path: Path) -> None:
    (tmp_path / "esb.yaml").write_text(
        "version: 1\nsandbox: {port: 0}\ncomponents:\n"
        "  - {path: /a/b/, use: http, config: {hosts: ['${sandbox}'], path: /}}\n"
    )
    views = [
        config_view.rendered(load(tmp_path / "esb.yaml", {}, sandbox_url=url), SecretSources(b"key"))
        for url in ("http://127.0.0.1:1", "http://127.0.0.1:2")
    ]
    one, other = (each["components"][0]["config"]["hosts"][0] for each in views)
    assert told_alike(one, other) is True
    assert not lacks_fingerprint(views[0])


SECRET = {"source": "${A}", "at": "f:1", "fingerprint": "1"}


@pytest.mark.parametrize(
    ("changes", "alike"),
    [
        ({}, True),
        ({"at": "g:2", "source": "literal"}, True),
        ({"fingerprint": "2"}, False),
        ({"fingerprint": None}, True),
        ({"fingerprint": None, "source": "${B}"}, False),
        ({"shown": "http://***"}, False),
    ],
)
def test_secrets_are_compared_by_fingerprint_or_else_by_source(changes: dict[str, Any], *, alike: bool) -> None:
    assert told_alike(SECRET, SECRET | changes) is alike
    assert told_alike(SECRET | changes, SECRET) is alike


@pytest.mark.parametrize("value", ["***", None, {}, {"source": "a"}, {**SECRET, "more": 1}])
def test_anything_else_is_no_secret(value: Any) -> None:
    assert told_alike(SECRET, value) is None


def test_what_stands_beside_the_address_of_the_sandbox_is_compared(tmp_path: Path) -> None:
    def told(written: str, port: int, key: bytes | None = b"key") -> Any:
        (tmp_path / "esb.yaml").write_text(
            "version: 1\nsandbox: {port: 0}\ncomponents:\n"
            f"  - {{path: /a/b/, use: http, config: {{hosts: [http://h], path: /, headers: {{X-To: '{written}'}}}}}}\n"
        )
        config = load(tmp_path / "esb.yaml", {}, sandbox_url=f"http://127.0.0.1:{port}")
        view = config_view.rendered(config, SecretSources(key))
        return view["components"][0]["config"]["headers"]["X-To"]

    assert told_alike(told("${sandbox}/one", 1), told("${sandbox}/one", 2)) is True
    assert told_alike(told("${sandbox}/one", 1), told("${sandbox}/two", 1)) is False
    assert lacks_fingerprint(told("${sandbox}/one", 1, None))

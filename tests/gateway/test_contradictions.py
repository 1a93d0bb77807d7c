"""Parts of a configuration that cannot work together."""

from pathlib import Path

import pytest

from esb.config import load
from esb.core.errors import ConfigError
from esb.gateway.app import create_app

COMPONENT = "components: [{path: /cmsi/get_msg_type/, use: cmsi_get_msg_type}]\n"
TAKEN = "is server.port already; two listeners cannot share it: choose another"
APPS = "services: {apps: {use: static, config: {apps: [{code: a, secrets: [s], components: %s}]}}}\n"
UNREAD = "services.apps.config.apps[0].components: nobody reads this"
UNGUARDED = "middlewares: [{use: app_auth}]\n"


def mistakes(folder: Path, text: str, stanza: str = COMPONENT) -> list[str]:
    path = folder / "esb.yaml"
    path.write_text(f"version: 1\n{text}{stanza}")
    try:
        create_app(load(path, {}))
    except ConfigError as error:
        return [f"{mistake.key}: {mistake.text}" for mistake in error.mistakes]
    return []


@pytest.mark.parametrize(
    "server",
    [
        "admin: {port: 8080}",
        "host: 0.0.0.0, admin: {port: 8080}",
        "host: 10.0.0.1, admin: {host: '::', port: 8080}",
        "host: localhost, admin: {port: 8080}",
        "host: gateway.example.com, admin: {host: gateway.example.com, port: 8080}",
    ],
)
def test_two_listeners_cannot_share_an_address(tmp_path: Path, server: str) -> None:
    assert mistakes(tmp_path, f"server: {{{server}}}\n") == [f"server.admin.port: 8080 {TAKEN}"]


def test_the_sandbox_is_a_listener_too(tmp_path: Path) -> None:
    assert mistakes(tmp_path, "sandbox: {port: 8080}\n") == [f"sandbox.port: 8080 {TAKEN}"]
    assert mistakes(tmp_path, "sandbox: {smtp_port: 8080}\n") == [f"sandbox.smtp_port: 8080 {TAKEN}"]


@pytest.mark.parametrize(
    "text",
    [
        "server: {admin: {port: 9090}}\n",
        "server: {port: 0, admin: {unix: /run/esb.sock}}\nsandbox: {port: 0, smtp_port: 0}\n",
        "server: {host: 10.0.0.1, admin: {port: 8080}}\n",
        "sandbox: {}\nserver: {host: 10.0.0.1, port: 8089}\n",
    ],
)
def test_listeners_at_addresses_of_their_own_are_none_of_this(tmp_path: Path, text: str) -> None:
    assert mistakes(tmp_path, text) == []


def test_a_listener_with_a_mistake_of_its_own_has_no_other(tmp_path: Path) -> None:
    assert mistakes(tmp_path, "server: {port: eighty, admin: {port: 8080}}\n") == [
        "server.port: expected an integer, found a string"
    ]


def test_rights_that_no_chain_reads_are_told_once(tmp_path: Path) -> None:
    apps = APPS.replace("}]}}}", "}, {code: b, secrets: [s], components: [b.*]}]}}}") % "[a.*]"
    (mistake,) = mistakes(tmp_path, UNGUARDED + apps)
    assert mistake.startswith(UNREAD)
    (mistake,) = mistakes(tmp_path, UNGUARDED + APPS % "[]", "components: []\n")
    assert mistake.startswith(UNREAD)


def test_where_a_restricted_component_is_unguarded_that_is_the_one_mistake(tmp_path: Path) -> None:
    restricted = COMPONENT.replace("}]", ", restricted: true}]")
    assert mistakes(tmp_path, UNGUARDED + APPS % "[a.*]", restricted) == [
        "components[0].restricted: nobody asks for rights: the chain of this component has no permission"
    ]
    misspelt = mistakes(tmp_path, "middlewares: [{use: app_auth}, {use: permision}]\n", restricted)
    assert [each.partition(":")[0] for each in misspelt] == ["middlewares[1].use"]


@pytest.mark.parametrize(
    ("rights", "place"),
    [
        ("grants: [{components: [cmsi.*]}]", "grants[0].components"),
        ("grants: [{components: ['*'], until: 2099-01-01}]", "grants[0].components"),
        ("grants: [{components: ['*'], until: null}]", ""),
        ("grants: []", "grants"),
        ("components: ['*'], grants: []", ""),
        ("components: ['*'], grants: [{components: [cmsi.*]}]", ""),
        ("grants: [{components: [cmsi.*]}, {components: ['*']}]", ""),
    ],
)
def test_grants_that_no_chain_reads_are_told_too(tmp_path: Path, rights: str, place: str) -> None:
    told = mistakes(tmp_path, UNGUARDED + APPS.replace("components: %s", rights))
    assert [each.partition(":")[0] for each in told] == [f"services.apps.config.apps[0].{place}"] * bool(place)


@pytest.mark.parametrize("grants", ["null", "[3]", "abc"])
def test_grants_that_are_none_are_one_mistake(tmp_path: Path, grants: str) -> None:
    (told,) = mistakes(tmp_path, UNGUARDED + APPS.replace("components: %s", f"grants: {grants}"))
    assert "expected a" in told


@pytest.mark.parametrize(
    ("chain", "granted"),
    [
        ("", "[a.*]"),
        (UNGUARDED, "['*']"),
        (UNGUARDED, "null"),
        ("middlewares: [{use: app_auth}, {use: permission}]\n", "[a.*]"),
        ("middlewares: []\n", "[a.*]"),
        ("middlewares: [{use: app_auth}, {use: 'tests.support.components:Passing'}]\n", "[a.*]"),
    ],
)
def test_rights_that_somebody_may_read_are_sound(tmp_path: Path, chain: str, granted: str) -> None:
    told = [mistake for mistake in mistakes(tmp_path, chain + APPS % granted) if mistake.startswith(UNREAD)]
    assert told == []


def test_a_chain_of_one_component_that_reads_rights_is_enough(tmp_path: Path) -> None:
    own = COMPONENT.replace("}]", ", middlewares: [{use: app_auth}, {use: permission}]}]")
    assert mistakes(tmp_path, UNGUARDED + APPS % "[a.*]", own) == []

"""The view of a configuration: what is secret by its type, its name or its origin, wherever it stands."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from pydantic import ConfigDict, Field, SecretBytes, SecretStr

from esb import Call, Component, Params
from esb.config import ConfigModel, load
from esb.introspect import config_view

SECRET = "pa55-phrase"


class Inner(ConfigModel):
    """Secrets one level down."""

    shadow: SecretStr = SecretStr("")
    unprinted: str = Field("", repr=False)
    shown: str = ""
    tokens: int = 0
    passwords: int = Field(0, repr=False)
    password: int = 0
    keys: Any = None


@dataclass
class Plain:
    """Secrets in what is no model."""

    shadow: SecretStr
    unprinted: str = field(default="", repr=False)
    shown: str = ""


class Deep(ConfigModel):
    """Secrets in every container that a configuration may have."""

    model_config = ConfigDict(extra="allow")

    one: SecretStr = SecretStr("")
    raw: SecretBytes = SecretBytes(b"")
    listed: list[SecretStr] = Field(default_factory=list)
    pair: tuple[SecretStr, ...] = ()
    some: frozenset[SecretStr] = frozenset()
    mapped: dict[str, SecretStr] = Field(default_factory=dict)
    mixed: dict[str, SecretStr | int | bool] = Field(default_factory=dict)
    named: dict[SecretStr, int] = Field(default_factory=dict)
    inner: Inner = Inner()
    inners: list[Inner] = Field(default_factory=list)
    plain: Plain | None = None
    kind: type[Any] = Plain
    by: str = Field("", alias="written", repr=False)


class Holder(Component[Deep, Params]):
    config_type = Deep

    async def handle(self, call: Call, params: Params) -> Any:
        return None


def shown(folder: Path, config: str, environment: dict[str, str] | None = None, *, key: str = "config") -> Any:
    """Return what the view says of this config of a component."""
    path = folder / "esb.yaml"
    path.write_text(
        f'version: 1\ncomponents:\n  - {{path: /a/b/, use: "{__name__}:Holder", {key}: {{{config}, shown: seen}}}}\n'
    )
    loaded = load(path, environment or {})
    assert loaded.mistakes == []
    (component,) = config_view.rendered(loaded)["components"]
    view = component[key]
    assert view.pop("shown") == "seen"
    return view


@pytest.mark.parametrize(
    ("config", "seen"),
    [
        (f"one: {SECRET}", {"one": "***"}),
        (f"raw: {SECRET}", {"raw": "***"}),
        (f"listed: [{SECRET}]", {"listed": ["***"]}),
        (f"pair: [{SECRET}]", {"pair": ["***"]}),
        (f"some: [{SECRET}]", {"some": ["***"]}),
        (f"mapped: {{a: {SECRET}}}", {"mapped": {"a": "***"}}),
        (f"mixed: {{a: {SECRET}, b: 7, c: true}}", {"mixed": {"a": "***", "b": 7, "c": True}}),
        (f"named: {{{SECRET}: 1}}", {"named": "***"}),
        (f"inner: {{shadow: {SECRET}, shown: a}}", {"inner": {"shadow": "***", "shown": "a"}}),
        (f"inner: {{unprinted: {SECRET}}}", {"inner": {"unprinted": "***"}}),
        (f"inners: [{{shown: a}}, {{shadow: {SECRET}}}]", {"inners": [{"shown": "a"}, {"shadow": "***"}]}),
        (f"inners: [{{shown: a}}, {{unprinted: {SECRET}}}]", {"inners": [{"shown": "a"}, {"unprinted": "***"}]}),
        (f"plain: {{shadow: {SECRET}, shown: a}}", {"plain": {"shadow": "***", "shown": "a"}}),
        (f"plain: {{shadow: a, unprinted: {SECRET}}}", {"plain": {"shadow": "***", "unprinted": "***"}}),
        (f"written: {SECRET}", {"written": "***"}),
        ("written: ''", {"written": ""}),
        ("one: '', text: ''", {"one": "", "text": ""}),
    ],
)
@pytest.mark.parametrize("key", ["config", "test_config"])
def test_a_secret_is_hidden_in_every_container(tmp_path: Path, config: str, seen: Any, key: str) -> None:
    assert shown(tmp_path, config, key=key) == seen


def test_the_components_are_told_by_what_callers_see_of_them(tmp_path: Path) -> None:
    path = tmp_path / "esb.yaml"
    path.write_text(
        f'version: 1\ncomponents:\n  - {{path: /a/b/, aliases: [/c/d/], methods: [PUT], use: "{__name__}:Holder",'
        " active: false}\n"
    )
    assert config_view.components(load(path, {})) == [
        {
            "name": "a.b",
            "path": "/a/b/",
            "aliases": ("/c/d/",),
            "methods": ("PUT",),
            "plugin": f"{__name__}:Holder",
            "active": False,
        }
    ]


def test_what_came_from_outside_is_hidden_in_the_gateways_own_stanzas_too(tmp_path: Path) -> None:
    path = tmp_path / "esb.yaml"
    path.write_text("version: 1\nsandbox: {port: '${P}'}\nserver: {port: '${P}', host: 127.0.0.2}\ncomponents: []\n")
    view = config_view.rendered(load(path, {"P": "8123"}))
    assert view["sandbox"] == {"port": "***", "smtp_port": None}
    assert (view["server"]["port"], view["server"]["host"], view["server"]["workers"]) == ("***", "127.0.0.2", 1)
    path.write_text("version: 1\ncomponents: []\n")
    assert config_view.rendered(load(path, {}))["sandbox"] is None


@pytest.mark.parametrize("secret", [SECRET, "four"])
def test_a_secret_is_taken_out_of_every_text(tmp_path: Path, secret: str) -> None:
    config = f'one: {secret}, text: "it is {secret}.", list: ["{secret}!"], "{secret}-name": 1, same: {secret}'
    assert shown(tmp_path, config) == {
        "one": "***",
        "text": "it is ***.",
        "list": ["***!"],
        "***-name": 1,
        "same": "***",
    }


def test_a_very_short_secret_is_hidden_only_where_it_stands_alone(tmp_path: Path) -> None:
    config = 'one: abc, text: "an abc book", same: abc'
    assert shown(tmp_path, config) == {"one": "***", "text": "an abc book", "same": "***"}


@pytest.mark.parametrize(
    "name",
    [
        *("secret", "secrets_of_all", "token", "tokens", "password", "passwords", "passwd", "passphrase", "pwd"),
        *("credential", "credentials", "key", "api_keys", "authorization", "TOKEN", "my_Password"),
    ],
)
def test_what_sounds_like_a_secret_is_hidden(tmp_path: Path, name: str) -> None:
    assert shown(tmp_path, f"{name}: x") == {name: "***"}
    assert shown(tmp_path, f"{name}: {{a: [x]}}") == {name: "***"}
    assert shown(tmp_path, f"{name}: ''") == {name: ""}
    assert shown(tmp_path, f"{name}: null") == {name: None}
    assert shown(tmp_path, f"{name}: []") == {name: []}


def test_how_many_there_are_is_no_secret_where_the_model_reads_a_number(tmp_path: Path) -> None:
    config = "inners: [{tokens: 100, passwords: 7, password: 271828, keys: 3}], tokens: 5"
    assert shown(tmp_path, config) == {
        "inners": [{"tokens": 100, "passwords": "***", "password": "***", "keys": "***"}],
        "tokens": "***",
    }
    outside = {"NUMBER": "100"}
    assert shown(tmp_path, 'inner: {tokens: "${NUMBER}"}', outside) == {"inner": {"tokens": "***"}}


@pytest.mark.parametrize("name", ["tokenizer", "keyboard", "passwords_file", "authorized"])
def test_what_only_begins_like_one_is_shown(tmp_path: Path, name: str) -> None:
    assert shown(tmp_path, f"{name}: x") == {name: "x"}


def test_headers_are_hidden_below_their_own_name(tmp_path: Path) -> None:
    assert shown(tmp_path, "headers: {X-A: a, X-B: b}") == {"headers": {"X-A": "***", "X-B": "***"}}
    assert shown(tmp_path, "headers: plain") == {"headers": "plain"}


@pytest.mark.parametrize(
    ("text", "seen"),
    [
        ("http://user:word@host/a", "http://***@host/a"),
        ("http://host/a?b=c#d", "http://host/a?***"),
        ("see http://u:p@h/?a=b and http://i/?c", "see http://***@h/?*** and http://i/?***"),
        ("who@example.com", "who@example.com"),
        ("a?b=c", "a?b=c"),
        ("-----BEGIN PRIVATE KEY----- x", "***"),
    ],
)
def test_addresses_lose_user_and_query(tmp_path: Path, text: str, seen: str) -> None:
    assert shown(tmp_path, f'text: "{text}"') == {"text": seen}


def test_what_came_from_outside_is_hidden_whatever_its_type(tmp_path: Path) -> None:
    outside = {"WORD": "from-outside", "NUMBER": "7", "SWITCH": "true"}
    config = 'a: "${WORD}", b: "${NUMBER}", c: "x-${WORD}", d: ["${SWITCH}", here]'
    assert shown(tmp_path, config, outside) == {"a": "***", "b": "***", "c": "***", "d": ["***", "here"]}


def test_the_components_are_told_as_they_are_declared(tmp_path: Path) -> None:
    path = tmp_path / "esb.yaml"
    use = f"{__name__}:Holder"
    path.write_text(
        f'version: 1\ncomponents:\n  - {{path: /a/b/, use: "{use}", aliases: [/c/d/], methods: [GET], active: false}}\n'
    )
    assert config_view.components(load(path, {})) == [
        {
            "name": "a.b",
            "path": "/a/b/",
            "aliases": ("/c/d/",),
            "methods": ("GET",),
            "plugin": use,
            "active": False,
        }
    ]

"""Warnings of `esb check`: what works, and may not be meant."""

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from pydantic import AliasChoices, Field, SecretStr

from esb import Call, Component, ConfigModel, Params
from esb.cli.main import main
from esb.config import ConfigSource
from esb.introspect.audit import RULES, warnings

REDIS = "store: {use: redis, config: {url: 'redis://127.0.0.1:1', encryption_keys: ['${KEY}']}}"
DATABASE = "database: {url: 'sqlite:///esb.db', encryption_keys: ['${KEY}']}"
ENVIRON = {"KEY": "A" * 43 + "=", "SECRET": "c4ca4238a0b923820dcc509a6f75849b", "TOKEN": "0123456789abcdef-0"}
OPEN = "server: {host: 0.0.0.0}\n"


def check(folder: Path, text: str) -> tuple[int, str]:
    path = folder / "esb.yaml"
    path.write_text(f"version: 1\n{text}components: []\n")
    done = CliRunner().invoke(main, ["check", "-c", str(path)], env=ENVIRON)
    return done.exit_code, done.output.replace(f"{path}:", "")


@pytest.mark.parametrize(
    ("text", "line"),
    [
        (OPEN, 1),
        (f"{OPEN}services:\n  login: {{use: static}}\n", 3),
        (f"{OPEN}services:\n  login: {{use: static}}\n  store: {{use: memory}}\n", 5),
        ("server: {host: '::'}\n", 1),
        ("server: {host: gateway.example.com}\n", 1),
        (f"{OPEN}middlewares: [{{use: app_auth}}]\n", 1),
    ],
)
def test_a_gateway_that_others_reach_is_told_that_its_nonces_do_not_outlive_it(
    tmp_path: Path, text: str, line: int
) -> None:
    code, said = check(tmp_path, text)
    assert code == 0
    warning, last = said.splitlines()
    assert warning.startswith(f"{line}: W101: services.store: the nonces of signed calls are forgotten at a restart")
    assert last == "ok: 0 components, 1 warnings"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "server: {host: localhost}\n",
        "server: {host: '::1'}\n",
        f"{OPEN}services: {{{REDIS}}}\n",
        f"{OPEN}services: {{{DATABASE}}}\n",
        f"{OPEN}middlewares: []\n",
        f"{OPEN}services:\n  store: {{use: memory}}  # esb: allow W101\n",
        f"{OPEN}services:\n  # esb: allow W100, W101\n  store: {{use: memory}}\n",
    ],
)
def test_who_needs_no_warning_gets_none(tmp_path: Path, text: str) -> None:
    assert check(tmp_path, text) == (0, "ok: 0 components\n")


def test_another_warnings_id_allows_nothing(tmp_path: Path) -> None:
    _, said = check(tmp_path, f"{OPEN}services:\n  store: {{use: memory}}  # esb: allow W102\n")
    assert "W101" in said


WHO = 'use: "tests.support.identity:Who"'
APP = "services: {apps: {use: static, config: {apps: [{code: monitor, secrets: ['${SECRET}']}]}}}\n"
TOKEN = "0123456789abcdef"
SOUND = "'${TOKEN}'"


def warned(folder: Path, stanza: str, more: str = APP) -> list[str]:
    path = folder / "esb.yaml"
    path.write_text(f"version: 1\n{more}components:\n  - {{{WHO}, {stanza}}}\n")
    done = CliRunner().invoke(main, ["check", "-c", str(path)], env=ENVIRON)
    assert done.exit_code == 0, done.output
    return [line.removeprefix(f"{path}:") for line in done.output.splitlines()[:-1]]


def test_a_component_that_anybody_may_call_is_told(tmp_path: Path) -> None:
    told = "4: W102: components[0].middlewares: whoever reaches this path may call it: no app_auth stands in this chain"
    for chain in ("[]", "[{use: user_auth}]"):
        (warning,) = warned(tmp_path, f"path: /a/b/, middlewares: {chain}")
        assert warning.startswith(told)
    assert warned(tmp_path, "path: /a/b/, middlewares: [{use: app_auth}]") == []
    (warning,) = warned(tmp_path, "path: /a/b/", "middlewares: []\n")
    assert warning.startswith("2: W102: middlewares: whoever reaches this path may call it")


def test_a_token_that_can_be_guessed_is_told_and_one_of_an_app_that_is_not_there(tmp_path: Path) -> None:
    tokens = f"[{{app: monitr, token: {SOUND}}}, {{app: monitor, token: {TOKEN[1:]}}}]"
    short, unknown = warned(tmp_path, f'path: "/a/{{token}}/", tokens: {tokens}')
    assert unknown == (
        "4: W104: components[0].tokens[0].app: services.apps has no app 'monitr' (did you mean 'monitor'?); the token"
        " opens nothing; declare the app, or take the token away"
    )
    assert short.startswith("4: W103: components[0].tokens[1].token: a token of less than 16 characters")
    assert TOKEN[1:] not in short


def test_of_apps_that_others_know_nothing_is_told(tmp_path: Path) -> None:
    apps = "services: {apps: {use: bk_auth, config: {url: 'https://h', app_code: a, app_secret: '${SECRET}'}}}\n"
    assert warned(tmp_path, f'path: "/a/{{token}}/", tokens: [{{app: x, token: {SOUND}}}]', apps) == []


def test_warnings_come_behind_the_mistakes(tmp_path: Path) -> None:
    code, said = check(tmp_path, f"{OPEN}services: {{users: {{use: statik}}}}\n")
    mistake, warning = said.splitlines()
    assert code == 1
    assert "services.users.use" in mistake
    assert "W101" in warning


@pytest.mark.parametrize("kind", ["'Missing'", "{'a': 1}", "NoModel", "list['Missing']", "3"])
def test_an_answer_type_that_no_document_can_show_is_a_mistake(tmp_path: Path, kind: str) -> None:
    (tmp_path / "told.py").write_text(
        "from esb import Component\n\nclass NoModel: pass\n\nclass Told(Component):\n"
        f"    answer_type = {kind}\n    async def handle(self, call, params): ...\n"
    )
    path = tmp_path / "esb.yaml"
    path.write_text("version: 1\ncomponents:\n  - path: /a/b/\n    use: told:Told\n")

    for command in ("check", "docs", "openapi"):
        done = CliRunner().invoke(main, [command, "-c", str(path)])

        assert done.exit_code == 1
        assert f"{path}:4: components[0].use: 'told:Told': answer_type is " in done.output
        assert "no document can be made" in done.output


# Forms

DEMO_APP = "services:\n  apps: {use: static, config: {apps: [{code: a, secrets: [demo-secret]}]}}\n"


def in_form(folder: Path, *arguments: str, text: str = DEMO_APP) -> tuple[int, str]:
    path = folder / "esb.yaml"
    path.write_text(f"version: 1\n{text}components: [{{path: /a/b/, {WHO}}}]\n")
    done = CliRunner().invoke(main, ["check", "-c", str(path), *arguments], env=ENVIRON)
    return done.exit_code, done.output


def test_strict_says_the_same_and_fails(tmp_path: Path) -> None:
    code, said = in_form(tmp_path)
    assert (code, said.splitlines()[-1]) == (0, "ok: 1 components, 1 warnings")
    assert in_form(tmp_path, "--strict") == (1, said)
    assert in_form(tmp_path, "--strict", text="") == (0, "ok: 1 components\n")


def test_json_has_all_of_it(tmp_path: Path) -> None:
    code, said = in_form(tmp_path, "--format", "json")
    found = json.loads(said)
    (warning,) = found.pop("warnings")
    assert (code, found) == (0, {"ok": True, "components": 1, "mistakes": []})
    assert {key: warning[key] for key in ("id", "severity", "line", "key", "page")} == {
        "id": "W107",
        "severity": "high",
        "line": 3,
        "key": "services.apps.config.apps[0].secrets[0]",
        "page": "docs/warnings.md#w107",
    }
    assert warning["text"].endswith(warning["fix"])
    code, said = in_form(tmp_path, "--format", "json", text="server: {prot: 1}\n")
    found = json.loads(said)
    assert (code, found["ok"], found["mistakes"][0]["key"]) == (1, False, "server.prot")


def test_sarif_has_what_its_schema_requires(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Check what SARIF 2.1.0 calls required, and what code scanning needs besides."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "my esb.yaml").write_text(f"version: 1\nserver: {{prot: 1}}\n{DEMO_APP}components: []\n")
    done = CliRunner().invoke(main, ["check", "-c", "my esb.yaml", "--format", "sarif"])
    log = json.loads(done.output)
    assert (done.exit_code, log["version"]) == (1, "2.1.0")
    (run,) = log["runs"]
    rules = run["tool"]["driver"]["rules"]
    assert run["tool"]["driver"]["name"] == "esb check"
    assert len({rule["id"] for rule in rules}) == len(rules) == len(RULES) + 1
    assert all(rule["shortDescription"]["text"] for rule in rules)
    assert [result["ruleId"] for result in run["results"]] == ["mistake", "W107"]
    for result in run["results"]:
        assert rules[result["ruleIndex"]]["id"] == result["ruleId"]
        assert result["level"] == rules[result["ruleIndex"]]["defaultConfiguration"]["level"] == "error"
        assert result["message"]["text"]
        place = result["locations"][0]["physicalLocation"]
        assert place["artifactLocation"]["uri"] == "my%20esb.yaml"
        assert place["region"]["startLine"] >= 1


def test_sarif_names_a_whole_path_by_a_whole_address(tmp_path: Path) -> None:
    _, said = in_form(tmp_path, "--format", "sarif")
    (result,) = json.loads(said)["runs"][0]["results"]
    uri = result["locations"][0]["physicalLocation"]["artifactLocation"]["uri"]
    assert uri == (tmp_path / "esb.yaml").as_uri()


def test_sarif_names_a_file_whose_name_is_no_text(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "\udcff.yaml").write_text("version: 1\n")
    done = CliRunner().invoke(main, ["check", "-c", "\udcff.yaml", "--format", "sarif"])
    (result,) = json.loads(done.output)["runs"][0]["results"]
    assert result["locations"][0]["physicalLocation"]["artifactLocation"]["uri"] == "%FF.yaml"


THIRD_PARTY = """\
from pydantic import SecretStr
from esb import Component, ConfigModel


class Config(ConfigModel):
    host: str
    key: SecretStr


class Sender(Component):
    config_type = Config

    async def handle(self, call, params):
        return None
"""


def test_an_address_that_is_none_hides_no_secret_from_the_rules(tmp_path: Path) -> None:
    """What a plugin calls `host` need be no address."""
    (tmp_path / "sender_with_host.py").write_text(THIRD_PARTY)
    config = "{host: 'http://[', key: 0123456789abcdef}"
    path = tmp_path / "esb.yaml"
    path.write_text(f"version: 1\ncomponents: [{{path: /a/b/, use: 'sender_with_host:Sender', config: {config}}}]\n")
    done = CliRunner().invoke(main, ["check", "-c", str(path)])
    assert (done.exit_code, "W110: components[0].config.key" in done.output) == (0, True)


ABSENT = """\
server: {port: '${PORT_NOT_SET}', admin: {port: '${ADMIN_NOT_SET:?which}', tokens: [{name: ops, digest: '${file:no}'}]}}
services:
  apps: {use: static, config: {apps: [{code: a, secrets: ['${file:nowhere/secret}'], impersonate: ['*']}]}}
  login: {use: bk_login, config: {url: '${LOGIN_NOT_SET}', app_token: '${file:nowhere/token}'}}
  store:
    use: redis
    config: {url: 'redis://:${file:nowhere/password}@redis:6379', encryption_keys: ['${file:nowhere/key}']}
"""


def test_placeholders_stand_for_what_is_elsewhere(tmp_path: Path) -> None:
    code, said = in_form(tmp_path, text=ABSENT)
    assert (code, len(said.splitlines())) == (1, 9)
    code, said = in_form(tmp_path, "--placeholders", text=ABSENT)
    assert code == 0
    warning, last = said.splitlines()
    assert ": W106: services.apps.config.apps[0].impersonate[0]: " in warning
    assert last == "ok: 1 components, 1 warnings"


def test_placeholders_hide_no_mistake(tmp_path: Path) -> None:
    (tmp_path / "empty").write_text("")
    text = "services: {login: {use: bk_login, config: {url: '${NOT_SET}', app_tokn: '${file:empty}', app_token: a}}}\n"
    code, said = in_form(tmp_path, "--placeholders", text=text)
    assert code == 1
    assert [line.partition(".config.")[2].partition(": ")[0] for line in said.splitlines()[:2]] == ["app_tokn"] * 2


class TwoSpellingsConfig(ConfigModel):
    password: SecretStr = Field(validation_alias=AliasChoices("password", "pwd"))
    old: SecretStr = SecretStr("demo-secret")


class TwoSpellings(Component[TwoSpellingsConfig, Params]):
    config_type = TwoSpellingsConfig

    async def handle(self, call: Call, params: Params) -> Any: ...


def test_a_secret_is_warned_of_once_under_the_key_that_stands_there_and_a_default_is_not(tmp_path: Path) -> None:
    path = tmp_path / "esb.yaml"
    path.write_text(
        f'version: 1\ncomponents:\n  - {{path: /a/b/, use: "{__name__}:TwoSpellings", config: {{pwd: x-9Q2!LmZ0}}}}\n'
    )
    said = CliRunner().invoke(main, ["check", "-c", str(path)]).output.splitlines()
    assert [line.split(": ")[1:3] for line in said[:-1]] == [["W110", "components[0].config.pwd"]]


def test_comments_are_those_of_the_files_as_they_were_read(tmp_path: Path) -> None:
    """A pipe, as of `esb check -c <(envsubst < esb.yaml)`, can be read once."""
    path = tmp_path / "esb.yaml"
    said = []
    for comment in ("", "  # esb: allow W101"):
        path.write_text(f"version: 1\n{OPEN}services:\n  store: {{use: memory}}{comment}\ncomponents: []\n")
        source = ConfigSource(path, {})
        config = source.resolve()
        path.unlink()
        said.append([warned.rule.id for warned in warnings(config, source.contents)])
    assert said == [["W101"], []]

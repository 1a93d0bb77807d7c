"""Warnings of `esb check`: what works, and may not be meant."""

from pathlib import Path

import pytest
from click.testing import CliRunner

from esb.cli.main import main

REDIS = "store: {use: redis, config: {url: 'redis://127.0.0.1:1', encryption_keys: ['" + "A" * 43 + "=']}}"
OPEN = "server: {host: 0.0.0.0}\n"


def check(folder: Path, text: str) -> tuple[int, str]:
    path = folder / "esb.yaml"
    path.write_text(f"version: 1\n{text}components: []\n")
    done = CliRunner().invoke(main, ["check", "-c", str(path)])
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
APP = "services: {apps: {use: static, config: {apps: [{code: monitor, secrets: [s]}]}}}\n"
TOKEN = "0123456789abcdef"


def warned(folder: Path, stanza: str, more: str = APP) -> list[str]:
    path = folder / "esb.yaml"
    path.write_text(f"version: 1\n{more}components:\n  - {{{WHO}, {stanza}}}\n")
    done = CliRunner().invoke(main, ["check", "-c", str(path)])
    assert done.exit_code == 0, done.output
    return [line.removeprefix(f"{path}:") for line in done.output.splitlines()[:-1]]


def test_a_component_that_anybody_may_call_is_told(tmp_path: Path) -> None:
    told = "4: W102: components[0].middlewares: whoever reaches this path may call it: no app_auth stands in this chain"
    for chain in ("[]", "[{use: user_auth}]"):
        (warning,) = warned(tmp_path, f"path: /a/b/, middlewares: {chain}")
        assert warning.startswith(told)
    assert warned(tmp_path, "path: /a/b/, middlewares: [{use: app_auth}]") == []
    assert warned(tmp_path, "path: /a/b/", "middlewares: []\n") == []


def test_a_token_that_can_be_guessed_is_told_and_one_of_an_app_that_is_not_there(tmp_path: Path) -> None:
    tokens = f"[{{app: monitr, token: {TOKEN}}}, {{app: monitor, token: {TOKEN[1:]}}}]"
    unknown, short = warned(tmp_path, f'path: "/a/{{token}}/", tokens: {tokens}')
    assert unknown == (
        "4: W104: components[0].tokens[0].app: services.apps has no app 'monitr' (did you mean 'monitor'?); the token"
        " opens nothing"
    )
    assert short.startswith("4: W103: components[0].tokens[1].token: a token of less than 16 characters")
    assert TOKEN[1:] not in short


def test_of_apps_that_others_know_nothing_is_told(tmp_path: Path) -> None:
    apps = "services: {apps: {use: bk_auth, config: {url: 'http://h', app_code: a, app_secret: b}}}\n"
    assert warned(tmp_path, f'path: "/a/{{token}}/", tokens: [{{app: x, token: {TOKEN}}}]', apps) == []


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

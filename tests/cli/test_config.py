"""The configuration as it is resolved, and what it changes over another one or a running gateway's."""

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from aiohttp import ClientSession, web
from click.testing import CliRunner, Result

from esb.cli import config as config_command
from esb.cli.main import main
from esb.config import ConfigSource
from esb.server.deployment import deployed
from tests.support.gateway import OpenServer
from tests.support.processes.deployment import ADMIN_TOKEN, TOKENS, watched

MARK = "TOPSECRET"
TEXT = """\
version: 1
server: {port: 8080}
services:
  apps: {use: static, config: {apps: [{code: a, secrets: ["${SECRET}"], components: ["cc.*"]}]}}
systems: {cc: {hosts: ["http://cc"], headers: {X-Key: TOPSECRET-key}}}
components:
  - {path: /cc/hosts/, use: http, config: {path: /hosts/}}
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "esb.yaml"
    path.write_text(TEXT)
    return path


def esb(*arguments: str | Path, **environ: str) -> Result:
    """Return the command's result; SECRET is set unless it is given."""
    cleared = dict.fromkeys(("ESB_ADMIN_TOKEN", "ESB_CONFIG"))
    return CliRunner().invoke(main, [*map(str, arguments)], env={**cleared, "SECRET": f"{MARK}-1", **environ})


def changed(file: Path, old: str, new: str) -> Path:
    """Write a copy with this change; return where."""
    text = file.read_text()
    assert old in text
    other = file.with_name("other.yaml")
    other.write_text(text.replace(old, new))
    return other


def test_the_configuration_is_printed_as_yaml_and_as_json(file: Path) -> None:
    as_yaml, as_json = esb("config", "-c", file), esb("config", "-c", file, "--format", "json")
    assert (as_yaml.exit_code, as_json.exit_code) == (0, 0)
    told = json.loads(as_json.stdout)
    assert yaml.safe_load(as_yaml.stdout) == told
    assert told["server"]["max_body"] == 10485760
    assert told["components"][0]["config"]["hosts"] == ["http://cc"]  # its system's
    assert told["services"]["apps"]["config"]["apps"][0]["secrets"][0]["source"] == "${SECRET}"
    assert told["components"][0]["config"]["headers"]["X-Key"]["at"] == f"{file}:5"
    assert MARK not in as_yaml.output + as_json.output


def test_fingerprints_are_those_of_the_token_or_of_the_machine(
    file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    machine = tmp_path / "machine-id"
    monkeypatch.setattr(config_command, "MACHINE", machine)

    def fingerprint(**environ: str) -> tuple[str, bool]:
        done = esb("config", "-c", file, "--format", "json", **environ)
        told = json.loads(done.stdout)["services"]["apps"]["config"]["apps"][0]["secrets"][0]["fingerprint"]
        return told, "the fingerprints are of this run alone" in done.stderr

    first, second = fingerprint(), fingerprint()
    assert first[0] != second[0]
    assert first[1]
    machine.write_text("0123456789abcdef0123456789abcdef\n")
    assert fingerprint() == fingerprint()
    assert not fingerprint()[1]
    assert fingerprint(SECRET="another") != fingerprint()
    assert fingerprint(ESB_ADMIN_TOKEN="t") == fingerprint(ESB_ADMIN_TOKEN="t") != fingerprint()


@pytest.mark.parametrize("command", [["config"], ["diff", "--against"]])
def test_a_wrong_configuration_is_told_with_its_mistakes(file: Path, command: list[str]) -> None:
    other = changed(file, "port: 8080", "port: many")
    arguments = [*command, other] if len(command) > 1 else [*command]
    done = esb(*arguments, "-c", other if len(command) == 1 else file)
    assert (done.exit_code, done.stdout) == (1, "")
    assert done.stderr == f"{other}:2: server.port: expected an integer, found a string\n"


def test_the_same_configuration_does_not_differ(file: Path) -> None:
    other = changed(file, "version: 1\n", "# elsewhere\nversion: 1\n")
    done = esb("diff", "-c", file, "--against", other)
    assert (done.exit_code, done.stdout, done.stderr) == (0, "nothing differs\n", "")


def test_what_differs_is_told_and_what_needs_a_restart(file: Path) -> None:
    new = changed(file, "port: 8080}", "port: 9090, max_body: 7}")
    new.write_text(new.read_text().replace("[{code: a", "[{code: b, secrets: [s]}, {code: a").replace('["cc.*"]', "[]"))
    done = esb("diff", "-c", new, "--against", file)
    assert done.exit_code == 3
    lines = done.stdout.splitlines()
    assert lines[:2] == ["~ server.port: 8080 -> 9090 (needs a restart)", "~ server.max_body: 10485760 -> 7"]
    assert lines[2].startswith('+ services.apps.config.apps[b]: {"code": "b", "secrets": [{"source": "literal"')
    assert lines[3] == '~ services.apps.config.apps[a].components: ["cc.*"] -> []'
    assert lines[4:] == ["4 differ, 1 need a restart"]
    rows = json.loads(esb("diff", "-c", new, "--against", file, "--format", "json").stdout)
    assert rows[0] == {"key": "server.port", "before": 8080, "after": 9090, "restart": True}
    assert [row["restart"] for row in rows] == [True, False, False, False]


def test_another_secret_differs_and_neither_is_told(file: Path) -> None:
    other = changed(file, "TOPSECRET-key", "TOPSECRET-kez")
    done = esb("diff", "-c", file, "--against", other)
    assert done.exit_code == 3
    assert done.stdout.startswith('~ components[/cc/hosts/].config.headers.X-Key: {"source": "literal"')
    assert MARK not in done.output


@pytest.mark.parametrize(
    ("line", "key"),
    [
        ("sandbox: {port: 0}", "sandbox"),
        ("server: {port: 8080, max_connections: 9}", "server.max_connections"),
        ("server: {port: 8080, admin: {port: 9090}}", "server.admin"),
        ("services: {store: {use: memory, config: {max_keys: 7}}}", "services.store"),
    ],
)
def test_what_a_reload_refuses_needs_a_restart(tmp_path: Path, line: str, key: str) -> None:
    old, new = tmp_path / "old.yaml", tmp_path / "new.yaml"
    old.write_text("version: 1\ncomponents: []\n")
    new.write_text(f"version: 1\n{line}\ncomponents: []\n")
    rows = json.loads(esb("diff", "-c", new, "--against", old, "--format", "json").stdout)
    assert [(row["key"], row["restart"]) for row in rows] == [(key, True)]


def test_plugins_of_one_name_are_each_those_beside_their_own_file(tmp_path: Path) -> None:
    for name, key in (("one", "first"), ("two", "second")):
        (tmp_path / name).mkdir()
        (tmp_path / name / "mine.py").write_text(
            f"import esb\nclass C(esb.ConfigModel):\n    {key}: int\n"
            "class Mine(esb.Component[C, esb.Params]):\n    async def handle(self, call, params): ...\n"
        )
        stanza = f"{{path: /a/b/, use: 'mine:Mine', config: {{{key}: 1}}}}"
        (tmp_path / name / "esb.yaml").write_text(f"version: 1\ncomponents: [{stanza}]\n")
    done = esb("diff", "-c", tmp_path / "one" / "esb.yaml", "--against", tmp_path / "two" / "esb.yaml")
    assert (done.exit_code, done.stderr) == (3, "")


# A running gateway


async def asked(*arguments: Any, **environ: str) -> Result:
    return await asyncio.to_thread(esb, *arguments, **environ)


async def test_a_running_gateway_is_compared_by_its_admin_listener(tmp_path: Path, http: ClientSession) -> None:
    async with watched(tmp_path, http) as running:
        command = ("diff", "-c", running.file, "--against", running.admin_url)
        same = await asked(*command, ESB_ADMIN_TOKEN=ADMIN_TOKEN)
        running.file.write_text(running.file.read_text().replace("next-secret", "another-secret"))
        other = await asked(*command, ESB_ADMIN_TOKEN=ADMIN_TOKEN)
        unproven = await asked(*command, ESB_ADMIN_TOKEN="wrong")
        without = await asked(*command)
    assert (same.exit_code, same.stdout, same.stderr) == (0, "nothing differs\n", "")
    assert other.exit_code == 3
    assert "services.apps.config.apps[esb_demo].secrets[1]" in other.stdout
    for done in (unproven, without):
        assert done.exit_code == 0
        assert done.stderr.startswith("secrets are compared by their sources alone")
    assert "another-secret" not in other.output


async def test_only_who_proves_to_hold_a_token_gets_fingerprints_and_none_are_told_unasked(
    tmp_path: Path, http: ClientSession
) -> None:
    async with watched(tmp_path, http) as running:
        plain = await (await running.ask("/-/config")).text()
        unproven = await running.ask("/-/config?secrets=sources", headers={"Authorization": "Bearer wrong"})
        told = await (await running.ask("/-/config?secrets=sources")).text()
        hidden = await unproven.text()
    assert "fingerprint" not in plain
    assert '"fingerprint":null' in hidden.replace(" ", "")
    assert '"fingerprint":"' not in hidden.replace(" ", "")
    assert '"fingerprint":"' in told.replace(" ", "")
    assert "demo-secret" not in plain + hidden + told


async def test_a_gateway_whose_configuration_is_for_token_holders_tells_nobody_else(
    tmp_path: Path, http: ClientSession
) -> None:
    async with watched(tmp_path, http, keys=f"{TOKENS}, read: token") as running:
        command = ("diff", "-c", running.file, "--against", running.admin_url)
        refused = await asked(*command)
        let_in = await asked(*command, ESB_ADMIN_TOKEN=ADMIN_TOKEN)
    assert (refused.exit_code, let_in.exit_code) == (1, 0)
    assert "(401): a token of server.admin.tokens is needed" in refused.stderr


@pytest.fixture
def socket(file: Path) -> Path:
    """A Unix socket that the file has its admin listener at."""
    path = file.with_name("admin.sock")
    file.write_text(TEXT.replace("{port: 8080}", f"{{port: 0, admin: {{unix: {path}}}}}"))
    return path


async def test_a_gateway_is_asked_at_a_unix_socket(file: Path, socket: Path) -> None:
    async with deployed(ConfigSource(file, {"SECRET": f"{MARK}-1"}), None, None, []):
        same = await asked("diff", "-c", file, "--against", f"unix:{socket}", ESB_ADMIN_TOKEN="any")
        other = await asked("diff", "-c", file, "--against", f"unix:{socket}", ESB_ADMIN_TOKEN="any", SECRET="2")
    assert (same.exit_code, other.exit_code) == (0, 3)
    assert "apps[a].secrets[0]" in other.stdout


async def test_where_no_admin_listener_is_nothing_can_be_said(
    file: Path, open_server: OpenServer, tmp_path: Path
) -> None:
    url = await open_server(web.Application())
    for against in (
        url,
        "http://127.0.0.1:1",
        f"unix:{tmp_path}/nothing",
        "http://[",
        "http://ann:TOPSECRET@127.0.0.1:1",
    ):
        done = await asked("diff", "-c", file, "--against", against)
        assert (done.exit_code, done.stdout) == (1, "")
        assert "Error: " in done.stderr
        assert MARK not in done.stderr


@pytest.mark.parametrize("place", ["http://127.0.0.1:1", "unix:/nothing"])
@pytest.mark.parametrize("token", ["TOPSECRET\n", "TOPSECRET\r\nX: y", "TOPSECRET密"])
async def test_a_token_that_no_header_can_carry_is_named_and_not_shown(file: Path, place: str, token: str) -> None:
    done = await asked("diff", "-c", file, "--against", place, ESB_ADMIN_TOKEN=token)
    assert (done.exit_code, done.stdout) == (1, "")
    assert done.stderr == "Error: ESB_ADMIN_TOKEN has a character in it that no header can carry, such as a line end\n"

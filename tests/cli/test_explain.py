"""The command that tells what would become of a call: exit codes, forms, and what the running gateway knows."""

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest
from aiohttp import ClientSession
from click.testing import CliRunner, Result

from esb.cli.main import main
from esb.config import ConfigSource
from esb.database.engine import Database
from esb.database.registry import Actor, Registry, Terms
from esb.server.deployment import deployed
from esb.testing.redis_server import KEY
from tests.support.databases import stanza
from tests.support.ports import free_port
from tests.support.processes.deployment import ADMIN_TOKEN, TOKENS
from tests.support.servers.redis_server import RedisServer

TEXT = """\
version: 1
server: {{port: 8080{admin}}}
services:
  apps: {{use: static, config: {{apps: [{{code: a, secrets: [TOPSECRET], impersonate: [bob]}}]}}}}
{store}
middlewares:
  - use: app_auth
  - use: user_auth
  - use: rate_limit
    config: {{default: [{{tokens: 2}}]}}
components:
  - {{path: /cc/hosts/, use: "tests.support.components:Echo"}}
"""
QUESTION = ("--app", "a", "--component", "cc.hosts", "--user", "bob")
STORE = (
    "  store: {{use: redis, config: {{url: '{url}', prefix: '{prefix}:', on_store_failure: {{rate_limit: degrade}},"
    f" encryption_keys: [{KEY}]}}}}}}}}"
)
AUTH = {"bk_app_code": "a", "bk_app_secret": "TOPSECRET", "bk_username": "bob"}


def written(folder: Path, admin: str = "", store: str = "") -> Path:
    file = folder / "esb.yaml"
    file.write_text(TEXT.format(admin=admin, store=store))
    return file


def esb(file: Path, *arguments: str, **environ: str) -> Result:
    cleared = dict.fromkeys(("ESB_ADMIN_TOKEN", "ESB_CONFIG"))
    return CliRunner().invoke(main, ["explain", "-c", str(file), *arguments], env={**cleared, **environ})


async def told(file: Path, **environ: str) -> dict[str, Any]:
    """Return what the command prints as JSON, each link by its name."""
    done = await asyncio.to_thread(esb, file, *QUESTION, "--format", "json", **environ)
    answer: dict[str, Any] = json.loads(done.stdout)
    return {**answer, "links": {link["link"]: link for link in answer["links"]}}


async def called(url: str, http: ClientSession) -> Any:
    async with http.post(f"{url}/api/c/compapi/cc/hosts/", json=AUTH) as response:
        return (await response.json())["code"]


@pytest.mark.parametrize(
    ("arguments", "code", "last"),
    [
        ((), 0, "=> allowed: 0 OK"),
        (("--user", "eve"), 1, "=> refused: 1306000 User authentication failed, please provide a valid user identity"),
        (("--as", "bk_token"), 3, "=> unknown"),
        (("--component", "cc.host"), 1, "=> refused: 1306404 The content does not exist"),
        (("--test-env",), 0, "=> allowed: 0 OK"),
    ],
)
def test_the_exit_code_says_what_becomes_of_the_call(
    tmp_path: Path, arguments: tuple[str, ...], code: int, last: str
) -> None:
    done = esb(written(tmp_path), *QUESTION, *arguments)
    assert done.exit_code == code
    assert done.stdout.splitlines()[-1].startswith(last)
    assert "TOPSECRET" not in done.output


def test_each_link_has_a_line_with_its_place(tmp_path: Path) -> None:
    file = written(tmp_path)
    assert esb(file, *QUESTION).stdout.splitlines()[2:4] == [
        "user_auth: allowed: bk_username=bob is named without proof: `impersonate` has bob"
        f"  [{file}:4: services.apps.config.apps[0].impersonate]",
        "rate_limit: not known here: at most 2/1minute; what is left of it is not known here"
        f"  [{file}:10: middlewares[2].config.default]",
    ]


@pytest.mark.parametrize(
    ("moment", "last"),
    [
        ("9999-12-31", "=> allowed: 0 OK"),
        ("9999-12-31T23:59:59-08:00", "=> allowed: 0 OK"),
        ("0001-01-01T00:00:00+08:00", "=> refused: 1306403 APP [bk_app_code=a] expired at 0001-01-01T00:00:00Z"),
    ],
)
def test_an_app_may_end_with_the_calendar(tmp_path: Path, moment: str, last: str) -> None:
    file = written(tmp_path)
    file.write_text(file.read_text().replace("{code: a,", f"{{code: a, expires: {moment},"))
    assert esb(file, *QUESTION).stdout.splitlines()[-1:] == [last]


def test_a_configuration_that_is_wrong_is_neither_a_yes_nor_a_no(tmp_path: Path) -> None:
    file = written(tmp_path, admin=", prot: 1")
    done = esb(file, *QUESTION)
    assert done.exit_code == 78
    assert f"{file}:2: server.prot" in done.stderr


@pytest.mark.parametrize(
    "arguments",
    [
        ("--at", "soon"),
        ("--app", ""),
        ("--app", "\udcff"),
        ("--receiver", "\udcff"),
        ("--user", "u" * 300),
        ("--as", "cookie"),
    ],
)
def test_what_cannot_be_asked_is_told_by_its_option(tmp_path: Path, arguments: tuple[str, str]) -> None:
    done = esb(written(tmp_path), *QUESTION, *arguments)
    assert done.exit_code == 2
    assert arguments[0] in done.stderr


# What the running gateway knows


async def test_what_is_left_is_asked_of_the_running_gateway(tmp_path: Path, http: ClientSession) -> None:
    file = written(tmp_path, f", admin: {{port: {free_port()}{TOKENS}, read: token}}")
    away = await told(file)
    assert "no gateway answers at http://127.0.0.1:" in away["links"]["rate_limit"]["why"]
    async with deployed(ConfigSource(file, {}), None, 0, []) as deployment:
        refused = (await told(file))["links"]["rate_limit"]
        assert refused["verdict"] == "not known here"
        assert "does not explain it (401)" in refused["why"]
        for left in ("2 left", "1 left"):
            said = await told(file, ESB_ADMIN_TOKEN=ADMIN_TOKEN)
            assert (said["verdict"], said["links"]["rate_limit"]["why"]) == ("allowed", f"2/1minute: {left}")
            assert await called(deployment.url, http) == 0
        said = await told(file, ESB_ADMIN_TOKEN=ADMIN_TOKEN)
        assert (said["verdict"], said["code"]) == ("refused", 1306429)
        assert await called(deployment.url, http) == 1306429


async def test_a_breaker_is_asked_of_the_running_gateway(tmp_path: Path, http: ClientSession) -> None:
    config = f"{{hosts: ['http://127.0.0.1:{free_port()}'], path: /x/, breaker: {{failures: 1, seconds: 60}}}}"
    file = written(tmp_path, f", admin: {{port: {free_port()}}}")
    file.write_text(file.read_text().replace('"tests.support.components:Echo"', f"http, config: {config}"))
    async with deployed(ConfigSource(file, {}), None, 0, []) as deployment:
        assert (await told(file))["links"]["gates"]["verdict"] == "allowed"
        failed = await called(deployment.url, http)
        assert (await told(file))["links"]["gates"]["verdict"] == "refused"
        assert (await told(file))["code"] == failed


async def test_it_is_asked_at_a_unix_socket_as_well(tmp_path: Path) -> None:
    file = written(tmp_path, f", admin: {{unix: {tmp_path / 'admin.sock'}}}")
    async with deployed(ConfigSource(file, {}), None, 0, []):
        assert (await told(file))["links"]["rate_limit"]["why"] == "2/1minute: 2 left"


async def test_the_file_counts_for_all_that_it_says_itself(tmp_path: Path) -> None:
    file = written(tmp_path, f", admin: {{port: {free_port()}}}")
    async with deployed(ConfigSource(file, {}), None, 0, []):
        text = await asyncio.to_thread(file.read_text)
        await asyncio.to_thread(file.write_text, text.replace("[bob]", "[eve]"))
        said = await told(file)
    assert said["links"]["user_auth"]["verdict"] == "refused"
    assert said["links"]["rate_limit"]["why"] == "2/1minute: 2 left"


async def test_a_shared_store_is_read_itself(tmp_path: Path, http: ClientSession, redis: RedisServer) -> None:
    file = written(tmp_path, store=STORE.format(url=redis.url, prefix=tmp_path.name))
    async with deployed(ConfigSource(file, {}), None, 0, []) as deployment:
        assert await called(deployment.url, http) == 0
        assert (await told(file))["links"]["rate_limit"]["why"] == "2/1minute: 1 left"


async def test_a_shared_store_that_is_away_knows_nothing(tmp_path: Path) -> None:
    file = written(tmp_path, store=STORE.format(url=f"redis://127.0.0.1:{free_port()}/0", prefix="x"))
    assert (await told(file))["links"]["rate_limit"]["verdict"] == "not known here"


async def test_apps_of_the_database_are_explained_without_a_gateway_that_runs(
    database: Database, database_url: str, tmp_path: Path
) -> None:
    async with Registry(database).writing(Actor("cli:root", "cli")) as write:
        await write.apps.create("shop", secrets=["first-secret"])
        await write.grants.add("shop", "cc.*", Terms(reason="ticket 42"))
    text = (
        f"version: 1\nservices:\n{stanza(database_url)}  apps: {{use: sql}}\n"
        "middlewares: [{use: app_auth}, {use: permission}]\n"
        'components: [{path: /cc/search/, use: "tests.support.components:Echo"}]\n'
    )
    (tmp_path / "esb.yaml").write_text(text)
    asked = ["explain", "-c", str(tmp_path / "esb.yaml"), "--app", "shop", "--component", "cc.search"]
    said = await asyncio.to_thread(CliRunner().invoke, main, asked)
    assert said.exit_code == 0, said.output
    assert "given by cli:root at " in said.output
    assert said.output.count("ticket 42]") == 1
    nobody = await asyncio.to_thread(CliRunner().invoke, main, [*asked[:4], "nobody", *asked[5:]])
    assert (nobody.exit_code, "Invalid APP Code" in nobody.output) == (1, True)

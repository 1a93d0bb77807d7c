"""Chains of middlewares: the shared one, a component's own, and orders that cannot work."""

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from jsonschema import Draft202012Validator

from esb.cli.main import main
from esb.config import load
from esb.core.errors import ConfigError
from esb.gateway.app import create_app
from tests.support.gateway import Gateway, OpenGateway
from tests.support.identity import APPS, NEED_USER

WHO = 'use: "tests.support.identity:Who"'
APP = {"bk_app_code": "esb_demo", "bk_app_secret": "demo-secret"}
STANZAS = f"""\
components:
  - {{path: /who/shared/, {WHO}}}
  - {{path: /who/app/, {WHO}, middlewares: [{{use: app_auth}}, {{use: permission}}]}}
  - {{path: /who/anybody/, {WHO}, middlewares: []}}
  - path: /who/limited/
    {WHO}
    middlewares:
      - use: app_auth
        config: {{failures_per_minute: 1}}
      - {{use: rate_limit, config: {{default: [{{tokens: 1}}]}}}}
"""


@pytest.fixture
async def gateway(open_gateway: OpenGateway) -> Gateway:
    return await open_gateway(config=f"version: 1\nservices:\n{APPS}{STANZAS}")


async def ask(gateway: Gateway, name: str, who: dict[str, str] = APP) -> dict[str, Any]:
    return await gateway.call(f"who/{name}", auth=who)


async def test_a_chain_of_its_own_stands_in_the_place_of_the_shared_one(gateway: Gateway) -> None:
    assert (await ask(gateway, "shared"))["message"] == NEED_USER
    answer = await ask(gateway, "app")
    assert (answer["data"]["app"], answer["data"]["user"]) == ("esb_demo", None)
    assert (await ask(gateway, "app", {**APP, "bk_app_secret": "wrong"}))["result"] is False


async def test_permission_counts_in_a_chain_of_its_own(gateway: Gateway) -> None:
    answer = await ask(gateway, "app", {"bk_app_code": "no_rights", "bk_app_secret": "no-rights-secret"})
    assert answer["code"] == 1306403


async def test_an_empty_chain_lets_anybody_in(gateway: Gateway) -> None:
    answer = await ask(gateway, "anybody", {})
    assert (answer["result"], answer["data"]["app"]) == (True, None)


async def test_middlewares_of_a_component_have_a_config_of_their_own(gateway: Gateway) -> None:
    assert [(await ask(gateway, "limited"))["code"] for _ in range(2)] == [0, 1306429]
    wrong = {**APP, "bk_app_secret": "wrong"}
    assert [(await ask(gateway, "limited", wrong))["code"] for _ in range(2)] == [1306000, 1306429]
    assert (await ask(gateway, "app", wrong))["code"] == 1306000


async def test_a_bad_header_is_refused_before_the_body_in_a_chain_of_its_own(gateway: Gateway) -> None:
    claims = json.dumps({**APP, "bk_app_secret": "wrong"})
    head = (
        f"POST /api/c/compapi/who/app/ HTTP/1.1\r\nHost: h\r\nX-Bkapi-Authorization: {claims}\r\n"
        "Content-Length: 1000\r\n\r\n{"
    )
    port = int(gateway.url.rpartition(":")[2])
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(head.encode())
    assert b"200" in await reader.readline()  # and nothing more of the body was sent
    writer.close()


def mistakes(folder: Path, text: str) -> list[str]:
    path = folder / "esb.yaml"
    path.write_text(f"version: 1\n{text}")
    try:
        create_app(load(path, {}))
    except ConfigError as error:
        return [str(mistake).removeprefix(f"{path}:") for mistake in error.mistakes]
    return []


def test_components_tells_the_chains_where_one_has_its_own(tmp_path: Path) -> None:
    path = tmp_path / "esb.yaml"
    path.write_text(f"version: 1\n{STANZAS}")
    done = CliRunner().invoke(main, ["components", "-c", str(path)])
    assert [line.split()[-1] for line in done.output.splitlines()] == [
        "MIDDLEWARES",
        "app_auth,user_auth,permission",
        "app_auth,permission",
        "none",
        "app_auth,rate_limit",
    ]


def test_the_schema_completes_a_chain_of_a_component(tmp_path: Path) -> None:
    path = tmp_path / "esb.yaml"
    path.write_text(f"version: 1\n{STANZAS}")
    schema = json.loads(CliRunner().invoke(main, ["schema", "-c", str(path)]).output)
    stanza = {"path": "/a/b/", "use": "cmsi_get_msg_type"}

    def takes(middleware: dict[str, Any]) -> bool:
        document = {"version": 1, "components": [{**stanza, "middlewares": [middleware]}]}
        return Draft202012Validator(schema).is_valid(document)

    assert takes({"use": "app_auth", "config": {"failures_per_minute": 3}})
    assert not takes({"use": "app_auth", "config": {"failures": 3}})
    assert not takes({"use": "app_aut"})


DOCUMENTED = f"""\
components:
  - {{path: /who/shared/, {WHO}}}
  - {{path: /who/anybody/, {WHO}, middlewares: [{{use: rate_limit}}]}}
  - {{path: "/who/hook/{{token}}/", {WHO}, tokens: [{{app: a, token: 0123456789abcdef-RIGHT}}]}}
"""


def test_documents_ask_for_credentials_where_somebody_takes_them(tmp_path: Path) -> None:
    path = tmp_path / "esb.yaml"
    path.write_text(f"version: 1\n{DOCUMENTED}")
    paths = json.loads(CliRunner().invoke(main, ["openapi", "-c", str(path)]).output)["paths"]
    shared, anybody, hook = (paths[f"/api/c/compapi/who/{name}/"] for name in ("shared", "anybody", "hook/{token}"))

    def queried(operations: dict[str, Any]) -> set[str]:
        return {each["name"] for each in operations["get"]["parameters"] if each["in"] == "query"}

    assert ("security" in shared["post"], queried(shared)) == (False, set())
    for operations in (anybody, hook):
        assert (operations["post"]["security"], queried(operations)) == ([], set())
        assert "Caller" not in json.dumps(operations["post"]["requestBody"])
    assert hook["post"]["parameters"][0]["description"].startswith("the token that says which application calls")

    def page(name: str) -> str:
        return CliRunner().invoke(main, ["docs", "who", name, "-c", str(path)]).output

    assert ("bk_app_code" in page("shared"), "| X-Bkapi-Authorization |" in page("shared")) == (True, True)
    for name in ("anybody", "hook"):
        assert ("bk_app_code" in page(name), "| X-Bkapi-Authorization |" in page(name)) == (False, False)
    assert "| token | string | yes | the token that says which application calls; a secret |" in page("hook")
    assert "0123456789abcdef-RIGHT" not in page("hook") + json.dumps(paths)


BEHIND = "it asks which app calls, so it stands behind app_auth"


@pytest.mark.parametrize("name", ["user_auth", "permission", "rate_limit"])
def test_a_middleware_that_asks_which_app_calls_stands_behind_app_auth(tmp_path: Path, name: str) -> None:
    shared = f"middlewares:\n  - use: {name}\n  - use: app_auth\ncomponents: []\n"
    assert mistakes(tmp_path, shared) == [f"3: middlewares[0].use: {BEHIND}"]
    own = f"components:\n  - {{path: /a/b/, {WHO}, middlewares: [{{use: {name}}}, {{use: app_auth}}]}}\n"
    assert mistakes(tmp_path, own) == [f"3: components[0].middlewares[0].use: {BEHIND}"]


def test_a_middleware_stands_in_a_chain_once(tmp_path: Path) -> None:
    text = f"components:\n  - {{path: /a/b/, {WHO}, middlewares: [{{use: app_auth}}, {{use: app_auth}}]}}\n"
    assert mistakes(tmp_path, text) == [
        "3: components[0].middlewares[1].use: it stands in this chain already; once is enough"
    ]


def test_other_peoples_middlewares_stand_where_they_like(tmp_path: Path) -> None:
    passing = '{use: "tests.support.components:Passing"}'
    text = f"middlewares: [{passing}, {{use: permission}}, {passing}]\ncomponents: []\n"
    assert mistakes(tmp_path, text) == []


def test_unknown_middlewares_and_keys_of_a_component_are_mistakes(tmp_path: Path) -> None:
    text = f"""\
components:
  - path: /a/b/
    {WHO}
    middlewares:
      - use: app_aut
      - use: app_auth
        config: {{failures: 1}}
      - permission
  - {{path: /a/c/, {WHO}, middlewares: app_auth}}
"""
    assert mistakes(tmp_path, text) == [
        "6: components[0].middlewares[0].use: unknown plugin 'app_aut' (did you mean 'app_auth'?); write a built-in"
        " name or package.module:Class",
        "8: components[0].middlewares[1].config.failures: unknown key; known keys: failures_per_minute",
        "9: components[0].middlewares[2]: expected a mapping, found a string",
        "10: components[1].middlewares: expected a list, found a string",
    ]

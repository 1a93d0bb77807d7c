"""Several directories of apps: the first that knows one answers for it."""

from pathlib import Path
from typing import Any

import pytest

from esb.config import load
from esb.core.errors import AuthenticationError, ConfigError
from esb.core.reasons import Reason
from esb.database.registry import Terms
from esb.gateway.app import GATEWAY
from esb.services.apps.chain import AppsChain
from tests.support.clock import Clock
from tests.support.explanations import links
from tests.support.gateway import Gateway, OpenGateway
from tests.support.identity import claims, fetch, with_signature
from tests.support.registry import Registered
from tests.support.sql_apps import AUTH, OpenSqlGateway, add_shop, code

STATIC = """\
  apps:
    use: chain
    config:
      backends:
        - use: static
          config:
            apps:
              - {code: ops, secrets: [ops-secret], impersonate: ["*"], components: [cc.search_host]}
              - {code: both, secrets: [of-file], impersonate: ["*"]}
"""
CHAIN = f"{STATIC}        - use: sql\n"
BEHIND = STATIC.replace("backends:\n", "backends:\n        - use: sql\n")
"""The same with the apps of the file behind those of the database."""
OPS = {"bk_app_code": "ops", "bk_app_secret": "ops-secret"}
PATH = "/api/c/compapi/cc/search_host/"


@pytest.mark.parametrize("services", [CHAIN, BEHIND], ids=["static first", "static behind"])
async def test_each_app_is_its_own_directorys(
    records: Registered, open_sql_gateway: OpenSqlGateway, services: str
) -> None:
    await add_shop(records, "cc.*")
    gateway = await open_sql_gateway(services)
    assert await code(gateway) == 0
    assert await code(gateway, **OPS) == 0
    assert await code(gateway, "cc/other", **OPS) == 1306403
    unknown = await gateway.call("cc/search_host", {**AUTH, "bk_app_code": "nobody"})
    assert "Invalid APP Code [bk_app_code=nobody]" in unknown["message"]


async def test_whoever_knows_the_app_first_alone_says_what_its_secret_is(
    records: Registered, open_sql_gateway: OpenSqlGateway
) -> None:
    async with records.writing() as write:
        await write.apps.create("both", secrets=["of-database"])
        await write.grants.add("both", "*")
    gateway = await open_sql_gateway(CHAIN)
    assert await code(gateway, bk_app_code="both", bk_app_secret="of-file") == 0
    refused = await gateway.call("cc/search_host", {**AUTH, "bk_app_code": "both", "bk_app_secret": "of-database"})
    assert "APP Secret verification failed" in refused["message"]


async def test_apps_of_all_directories_sign(
    records: Registered, open_sql_gateway: OpenSqlGateway, clock: Clock
) -> None:
    await add_shop(records, "cc.*")
    gateway = await open_sql_gateway(CHAIN)
    for app, secret in (("shop", "first-secret"), ("ops", "ops-secret")):
        query = claims(clock, bk_app_code=app, bk_username="anna")
        assert (await fetch(gateway, "GET", PATH, with_signature(query, path=PATH, secret=secret)))["code"] == 0


async def test_explain_names_the_place_in_the_directory_that_knows_the_app(
    records: Registered, open_sql_gateway: OpenSqlGateway, clock: Clock
) -> None:
    await add_shop(records)
    async with records.writing() as write:
        await write.grants.add("shop", "cc.*", Terms(reason="ticket 42"))
    gateway = await open_sql_gateway(CHAIN)
    of_file = await links(gateway, app="ops")
    place = "services.apps.config.backends[0].config.apps[0]"
    assert of_file["permission"]["where"].endswith(f": {place}.components")
    assert of_file["app_auth"]["where"].endswith(f": {place}")
    assert of_file["user_auth"]["where"].endswith(f": {place}.impersonate")
    assert (await links(gateway, app="shop"))["permission"]["where"].endswith("ticket 42")
    assert (await links(gateway, app="nobody"))["app_auth"]["verdict"] == "refused"


async def test_a_reload_keeps_the_directories_that_stay_as_they_are(
    records: Registered, open_sql_gateway: OpenSqlGateway, tmp_path: Path
) -> None:
    await add_shop(records, "cc.*")
    gateway = await open_sql_gateway(CHAIN)
    parts = gateway.app[GATEWAY].generation.services
    sql = parts["apps.backends[1]"].instance
    path = tmp_path / "esb.yaml"
    path.write_text(path.read_text().replace("ops-secret", "new-secret"))
    await gateway.app[GATEWAY].reload(load(path, {}))
    assert gateway.app[GATEWAY].generation.services["apps.backends[1]"].instance is sql
    assert await code(gateway) == 0
    assert await code(gateway, **OPS) == 1306000
    assert await code(gateway, **{**OPS, "bk_app_secret": "new-secret"}) == 0


@pytest.mark.parametrize(
    ("backends", "key", "text"),
    [
        ("[]", "", "1 or more items"),
        ("[{use: static, config: {apps: [{code: a}]}}]", "[0].config.apps[0].secrets", "missing"),
        ("[{use: statik}]", "[0].use", "did you mean 'static'?"),
        ("[{config: {}}]", "[0].use", "missing"),
        ("[{use: static, colour: red}]", "[0].colour", ""),
        ("[sql]", "[0]", ""),
        ("[{use: sql}]", "[0].use", "add `services.database`"),
    ],
)
async def test_a_mistake_in_a_directory_is_told_with_its_place(
    open_gateway: OpenGateway, backends: str, key: str, text: str
) -> None:
    more = f"services:\n  apps: {{use: chain, config: {{backends: {backends}}}}}\n"
    with pytest.raises(ConfigError) as caught:
        await open_gateway(config=f"version: 1\n{more}components: []\n")
    found = [mistake for mistake in caught.value.mistakes if mistake.key == f"services.apps.config.backends{key}"]
    assert found, caught.value.mistakes
    assert all(text in mistake.text for mistake in found)


async def test_files_of_apps_are_read_in_a_chain_too(open_gateway: OpenGateway, tmp_path: Path) -> None:
    (tmp_path / "more.yaml").write_text("apps: [{code: ops, secrets: [ops-secret], impersonate: ['*']}]\n")
    backends = "[{use: static, config: {include: [more.yaml]}}, {use: static, config: {apps: []}}]"
    config = f"version: 1\nservices:\n  apps: {{use: chain, config: {{backends: {backends}}}}}\n"
    gateway = await open_gateway(
        config=f'{config}components: [{{path: /cc/search_host/, use: "tests.support.components:Echo"}}]\n'
    )
    assert await code(gateway, **OPS) == 0
    assert gateway_apps(gateway)._backends[0] is gateway.app[GATEWAY].generation.services["apps.backends[0]"].instance


def gateway_apps(gateway: Gateway) -> AppsChain:
    found: AppsChain = gateway.app[GATEWAY].generation.services["apps"].instance
    return found


class Known:
    """A directory that knows every app, and refuses it in its own way."""

    def __init__(self, config: Any, services: Any) -> None:
        pass

    async def verify(self, call: Any, code: str, secret: str) -> Any:
        raise AuthenticationError("the card reader is broken", call_reason=Reason.SECRET_WRONG)

    secrets = rights = verify


async def test_a_refusal_of_one_that_knows_the_app_is_final(open_gateway: OpenGateway) -> None:
    shop = "{use: static, config: {apps: [{code: shop, secrets: [first-secret]}]}}"
    backends = f'[{{use: "{__name__}:Known"}}, {shop}]'
    config = f"version: 1\nservices:\n  apps: {{use: chain, config: {{backends: {backends}}}}}\n"
    gateway = await open_gateway(
        config=f'{config}components: [{{path: /cc/search_host/, use: "tests.support.components:Echo"}}]\n'
    )
    assert (await gateway.call("cc/search_host", AUTH))["message"] == "the card reader is broken"
    assert (await links(gateway))["app_auth"]["verdict"] == "not explained"

"""The gateway's own paths below /api/c/, beside those of components."""

from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest

from esb.core.events import CallFinished
from tests.support.configuration import DEMO, WECOM
from tests.support.databases import open_database, stanza
from tests.support.gateway import Gateway, OpenGateway, Sandbox

NOBODY = "/api/c/deliveries/0192f0000000700080000000000000aa/"
HEADER = {"X-Bkapi-Authorization": '{"bk_app_code": "esb_demo", "bk_app_secret": "demo-secret"}'}


@pytest.fixture
async def keeping(open_gateway: OpenGateway, opened: AsyncExitStack, sandbox: Sandbox, tmp_path: Path) -> Gateway:
    """A gateway with a ledger."""
    url = f"sqlite:///{tmp_path}/esb.db"
    await opened.enter_async_context(open_database(url))
    return await open_gateway(WECOM, more=f"{stanza(url)}ledger: {{}}\n", sandbox_url=sandbox.url)


async def envelope(gateway: Gateway, method: str, path: str, **options: Any) -> tuple[int, dict[str, Any]]:
    response = await gateway.request(method, path, **options)
    return response.status, await response.json()


@pytest.mark.parametrize("path", ["/api/c/deliveries/", "/api/c/deliveries", "/api/c//deliveries//"])
async def test_an_app_lists_its_deliveries_at_a_path_of_the_gateways_own(keeping: Gateway, path: str) -> None:
    status, answer = await envelope(keeping, "GET", path, headers=HEADER)
    assert (status, answer["code"], answer["data"]) == (200, 0, {"deliveries": [], "cursor": None})
    assert (await envelope(keeping, "GET", path, params=DEMO))[1]["code"] == 0


async def test_what_is_not_there_is_404_for_an_app_that_proves_who_it_is(keeping: Gateway) -> None:
    status, answer = await envelope(keeping, "GET", NOBODY, headers=HEADER)
    assert (status, answer["code"], answer["result"]) == (404, 1306404, False)
    assert "delivery" in answer["message"]


async def test_only_an_app_that_proves_who_it_is_is_let_in_and_no_user_is_asked_for(keeping: Gateway) -> None:
    wrong = {**DEMO, "bk_app_secret": "wrong"}
    for params in ({}, {"bk_app_code": "esb_demo"}, wrong):
        status, answer = await envelope(keeping, "GET", NOBODY, params=params)
        assert (status, answer["result"]) == (200, False)
        assert "App Secret" in answer["message"] or "APP" in answer["message"]
    no_user = {"bk_app_code": "no_users", "bk_app_secret": "no-users-secret"}
    assert (await envelope(keeping, "GET", "/api/c/deliveries/", params=no_user))[1]["code"] == 0


async def test_the_log_knows_the_call_by_a_name_and_the_declared_path(keeping: Gateway) -> None:
    await envelope(keeping, "GET", NOBODY, headers=HEADER)
    (ended,) = [event for event in keeping.events if isinstance(event, CallFinished)]
    assert (ended.path, ended.system, ended.component) == ("/api/c/deliveries/{id}/", "deliveries", "show")
    assert (ended.app, ended.status) == ("esb_demo", 404)


async def test_a_method_that_nobody_answers_is_told_those_that_are(keeping: Gateway) -> None:
    response = await keeping.request("DELETE", "/api/c/deliveries/", headers=HEADER)
    assert (response.status, response.headers["Allow"]) == (404, "GET, HEAD")
    assert (await keeping.request("HEAD", "/api/c/deliveries/", headers=HEADER)).status == 200


async def test_a_path_near_one_of_them_is_told_the_one_that_may_be_meant(keeping: Gateway) -> None:
    status, answer = await envelope(keeping, "GET", "/api/c/delivery/", headers=HEADER)
    assert (status, answer["data"]) == (404, {"did_you_mean": "/api/c/deliveries/"})


async def test_a_page_of_another_origin_may_ask_for_deliveries_where_it_may_ask_for_components(
    open_gateway: OpenGateway, opened: AsyncExitStack, tmp_path: Path
) -> None:
    url = f"sqlite:///{tmp_path}/esb.db"
    await opened.enter_async_context(open_database(url))
    cors = "server: {cors: {origins: [https://app.example.com]}}\n"
    gateway = await open_gateway("  []\n", more=f"{stanza(url)}ledger: {{}}\n{cors}")
    asked = {"Origin": "https://app.example.com", "Access-Control-Request-Method": "GET"}
    answer = await gateway.request("OPTIONS", "/api/c/deliveries/", headers=asked)
    assert (answer.status, answer.headers["Access-Control-Allow-Methods"]) == (204, "GET, HEAD")


async def test_without_a_ledger_there_are_no_such_paths(gateway: Gateway) -> None:
    status, answer = await envelope(gateway, "GET", "/api/c/deliveries/", headers=HEADER)
    assert (status, answer["code"], answer["message"]) == (404, 1306404, "The content does not exist")


async def test_a_chain_without_app_auth_has_one_before_these_paths(
    open_gateway: OpenGateway, opened: AsyncExitStack, tmp_path: Path
) -> None:
    url = f"sqlite:///{tmp_path}/esb.db"
    await opened.enter_async_context(open_database(url))
    gateway = await open_gateway("  []\n", more=f"{stanza(url)}ledger: {{}}\nmiddlewares: []\n")
    assert (await envelope(gateway, "GET", "/api/c/deliveries/"))[1]["result"] is False
    assert (await envelope(gateway, "GET", "/api/c/deliveries/", headers=HEADER))[1]["code"] == 0

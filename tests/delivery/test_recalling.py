"""An app takes back the messages of a delivery, as long as the platform lets it."""

import json
from typing import Any

import pytest
from sqlalchemy import update

from esb.database.deliveries import DELIVERY_MESSAGE
from esb.database.engine import Database
from esb.delivery.recalling import CANNOT, TOO_LATE
from esb.gateway.app import GATEWAY
from tests.support.configuration import DEMO, MESSAGE, OFFICIAL_ACCOUNT, OPENID, SERVICES, WECOM
from tests.support.databases import stanza
from tests.support.gateway import Gateway, OpenGateway, Sandbox

HEADERS = {"X-Bkapi-Authorization": json.dumps({"bk_app_code": "esb_demo", "bk_app_secret": "demo-secret"})}


async def ask(gateway: Gateway, path: str = "", method: str = "GET") -> dict[str, Any]:
    answer = await gateway.request(method, f"/api/c/deliveries/{path}", headers=HEADERS)
    envelope: dict[str, Any] = await answer.json()
    return envelope


TEST_ENVIRONMENT = f"""{WECOM.replace("corp-secret", "another-secret")}\
    test_config: {{wx_qy_corpsecret: corp-secret}}
"""
"""A component that sends by its test environment alone."""


async def sent(gateway: Gateway, receiver: str = "zhangsan,lisi", headers: dict[str, str] | None = None) -> str:
    """The id of a delivery that was sent."""
    body = {**DEMO, "receiver": receiver, "data": MESSAGE}
    assert (await (await gateway.post(body, headers=headers)).json())["result"]
    recorder = gateway.app[GATEWAY].deliveries.recorder
    assert recorder is not None
    await recorder.write()
    identity: str = (await ask(gateway))["data"]["deliveries"][0]["id"]
    return identity


@pytest.fixture
def config(database: Database, database_url: str) -> str:
    return f"{SERVICES}{stanza(database_url)}ledger: {{sync: on}}\ncomponents:\n"


async def test_a_message_is_taken_back_once(config: str, open_gateway: OpenGateway, sandbox: Sandbox) -> None:
    gateway = await open_gateway(config=config + WECOM, sandbox_url=sandbox.url)
    identity = await sent(gateway)
    answer = await ask(gateway, f"{identity}/recall/", "POST")
    assert (answer["code"], answer["data"]["recalled"]) == (0, 1)
    (message,) = await sandbox.messages()
    assert message["recalled"]
    shown = (await ask(gateway, f"{identity}/"))["data"]
    assert [each["state"] for each in shown["receivers"]] == ["recalled", "recalled"]
    again = await ask(gateway, f"{identity}/recall/", "POST")
    assert (again["code"], again["message"]) == (1306406, CANNOT)


async def test_the_test_environment_takes_back_what_it_has_sent(
    config: str, open_gateway: OpenGateway, sandbox: Sandbox
) -> None:
    gateway = await open_gateway(config=config + TEST_ENVIRONMENT, sandbox_url=sandbox.url)
    identity = await sent(gateway, headers={"X-Use-Test-Env": "1"})
    answer = await ask(gateway, f"{identity}/recall/", "POST")
    assert (answer["code"], answer["data"]["recalled"]) == (0, 1), answer
    (message,) = await sandbox.messages()
    assert message["recalled"]


async def test_what_was_sent_too_long_ago_stays(
    config: str, open_gateway: OpenGateway, sandbox: Sandbox, database: Database
) -> None:
    gateway = await open_gateway(config=config + WECOM, sandbox_url=sandbox.url)
    identity = await sent(gateway)
    async with database.writing() as connection:
        await connection.execute(update(DELIVERY_MESSAGE).values(sent=1))
    answer = await ask(gateway, f"{identity}/recall/", "POST")
    assert (answer["code"], answer["message"]) == (1306406, TOO_LATE)
    assert (await ask(gateway, f"{'0' * 32}/recall/", "POST"))["code"] == 1306404


async def test_a_platform_that_takes_nothing_back_says_so(
    config: str, open_gateway: OpenGateway, sandbox: Sandbox
) -> None:
    gateway = await open_gateway(config=config + OFFICIAL_ACCOUNT, sandbox_url=sandbox.url)
    identity = await sent(gateway, OPENID)
    answer = await ask(gateway, f"{identity}/recall/", "POST")
    assert (answer["code"], answer["message"]) == (1306406, CANNOT)


async def test_a_refusal_of_the_platform_is_told_and_nothing_is_recalled(
    config: str, open_gateway: OpenGateway, sandbox: Sandbox
) -> None:
    gateway = await open_gateway(config=config + WECOM, sandbox_url=sandbox.url)
    identity = await sent(gateway)
    refused = {"match": {"path": "/cgi-bin/message/recall"}, "action": {"errcode": 40003, "errmsg": "no"}}
    await sandbox.post("faults", refused)
    answer = await ask(gateway, f"{identity}/recall/", "POST")
    assert answer["result"] is False
    shown = (await ask(gateway, f"{identity}/"))["data"]
    assert [each["state"] for each in shown["receivers"]] == ["accepted", "accepted"]

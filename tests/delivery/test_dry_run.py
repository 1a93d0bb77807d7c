"""Dry runs: everything but the sending, for every component that sends; and no component sends when asked for one."""

import json
from typing import Any

import pytest
from aiohttp import web

from tests.support.configuration import DEMO, MESSAGE, OFFICIAL_ACCOUNT, OPENID, WECOM
from tests.support.gateway import Gateway, OpenGateway, OpenServer, Sandbox
from tests.support.secret_cases import CASES, MARK, Case

SENDING = [
    pytest.param(name, key, id=f"{name} {key}")
    for name, cases in CASES.items()
    if name.startswith("cmsi_send_")
    for key in cases
]


class Upstream:
    """Writes down that it was asked anything at all."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    async def handle(self, request: web.Request) -> web.Response:
        self.asked.append(request.path)
        return web.json_response({"result": True, "errcode": 0, "access_token": "t", "expires_in": 7200})


def stanza(name: str, case: Case, url: str) -> str:
    port = int(url.rpartition(":")[2])
    config = {
        key: port if value == "{port}" else value.replace("{upstream}", url) if isinstance(value, str) else value
        for key, value in case.config.items()
    }
    called = "" if not case.calls else stanza(case.calls, CASES[case.calls]["qy"], url)
    path = f"/cmsi/{name.removeprefix('cmsi_')}/"
    return called + f"  - {{path: {path}, use: {name}, config: {json.dumps(config, ensure_ascii=False)}}}\n"


@pytest.mark.parametrize(("name", "key"), SENDING)
async def test_a_dry_run_shows_the_messages_asks_nobody_and_tells_no_secret(
    open_gateway: OpenGateway, open_server: OpenServer, name: str, key: str
) -> None:
    upstream = Upstream()
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", upstream.handle)
    case = CASES[name][key]
    gateway = await open_gateway(stanza(name, case, await open_server(app)))

    response = await gateway.post(
        {**DEMO, **case.params}, f"cmsi/{name.removeprefix('cmsi_')}", {"X-Dry-Run": "1", "Idempotency-Key": "k"}
    )
    answer = await response.json()

    assert (answer["result"], answer["data"]["dry_run"]) == (True, True), answer
    assert answer["data"]["accepted"] == []
    for message in answer["data"]["messages"]:
        assert message.keys() == {"receivers", "endpoint", "body"}
        assert message["receivers"]
        assert message["body"]
    assert upstream.asked == []
    assert MARK not in await response.text()
    assert not any(type(event).__name__ == "UpstreamFinished" for event in gateway.events)


async def test_the_messages_are_those_that_would_be_sent(gateway: Gateway, sandbox: Sandbox) -> None:
    long = "长" * 1500
    dry = await gateway.send("zhangsan,lisi", data={**MESSAGE, "message": long}, dry_run=True)
    await gateway.send("zhangsan,lisi", data={**MESSAGE, "message": long})

    def without_its_own(body: dict[str, Any]) -> dict[str, Any]:
        return {key: value for key, value in body.items() if key != "client_msg_id"}

    sent = [(message["endpoint"], without_its_own(message["body"])) for message in await sandbox.messages()]
    assert [(shown["endpoint"], without_its_own(shown["body"])) for shown in dry["data"]["messages"]] == sent
    assert len(sent) == 3


async def test_people_who_cannot_be_reached_are_told(gateway: Gateway) -> None:
    answer = await gateway.call(receiver__username=["admin", "nobody"], data=MESSAGE, dry_run=1)

    data = answer["data"]
    assert [shown["receivers"] for shown in data["messages"]] == [["admin"]]
    assert data["username_check"] == {"invalid": ["nobody"]}
    assert [entry["receiver"] for entry in data["failed"]] == ["nobody"]


async def test_what_is_wrong_is_told_as_ever(gateway: Gateway, sandbox: Sandbox) -> None:
    assert (await gateway.send("", dry_run=True))["result"] is False
    assert (await gateway.send("zhangsan", data={}, dry_run=True))["result"] is False
    assert await sandbox.calls("/cgi-bin/gettoken") == 0


@pytest.mark.parametrize("value", ["0", "false", ""])
async def test_a_dry_run_can_be_switched_off(gateway: Gateway, sandbox: Sandbox, value: str) -> None:
    response = await gateway.post(
        {**DEMO, "receiver": "zhangsan", "data": MESSAGE, "dry_run": value}, headers={"X-Dry-Run": value}
    )

    assert (await response.json())["data"]["accepted"] == ["zhangsan"]


async def test_a_component_without_dry_run_refuses_rather_than_acts(open_gateway: OpenGateway) -> None:
    gateway = await open_gateway('  - {path: /odd/it/, use: "tests.support.components:Environment"}\n')
    response = await gateway.post(dict(DEMO), "odd/it", {"X-Dry-Run": "1"})

    assert (await response.json())["code"] == 1306406


async def test_send_msg_to_a_component_without_dry_run_is_refused_too(open_gateway: OpenGateway) -> None:
    gateway = await open_gateway(
        '  - {path: /cmsi/send_sms/, use: "tests.support.components:Environment"}\n'
        "  - {path: /cmsi/send_msg/, use: cmsi_send_msg}\n"
    )
    params = {"msg_type": "sms", "receiver__username": "admin", "title": "T", "content": "C"}
    response = await gateway.post({**DEMO, **params}, "cmsi/send_msg", {"X-Dry-Run": "1"})

    assert (await response.json())["code"] == 1306406


async def test_warnings_of_a_template_are_told_before_anything_is_sent(
    open_gateway: OpenGateway, sandbox: Sandbox
) -> None:
    gateway = await open_gateway(OFFICIAL_ACCOUNT, sandbox_url=sandbox.url)
    answer = await gateway.send(OPENID, data={**MESSAGE, "message": "x" * 21 + "\n"}, dry_run=True)

    assert [warning["field"] for warning in answer["data"]["warnings"]] == ["message"]


DIRECTORY = """\
version: 1
services:
  apps: {use: static, config: {apps: [{code: esb_demo, secrets: [demo-secret], impersonate: ["*"]}]}}
  users:
    use: static
    config:
      users:
        - {username: anna, wx_userid: Anna-Wx, email: anna.k@example.com, telephone: "13812345678"}
        - {username: ben, wx_userid: Ben-Wx, email: ben@example.com, telephone: "2071234567", country_code: "44"}
"""
LOOKED_UP = ("Anna-Wx", "anna.k", "13812345678", "1234567", "Ben-Wx", "ben@", "2071234567")
"""Of the directory; no answer to a dry run holds any of it."""


def directory(open_gateway: OpenGateway, name: str, key: str) -> Any:
    text = stanza(name, CASES[name][key], "http://127.0.0.1:9")
    return open_gateway(config=f"{DIRECTORY}components:\n{text}")


@pytest.mark.parametrize(("name", "key"), [case for case in SENDING if "robot" not in str(case.id)])
async def test_no_sender_tells_an_address_of_the_directory(open_gateway: OpenGateway, name: str, key: str) -> None:
    gateway = await directory(open_gateway, name, key)
    params = {key: value for key, value in CASES[name][key].params.items() if key not in OWN_RECEIVERS}
    users = {"receiver__username": "anna,ben", "cc__username": "ben"}

    response = await gateway.post({**DEMO, **params, **users, "dry_run": True}, f"cmsi/{name.removeprefix('cmsi_')}")

    text = await response.text()
    if name in {"cmsi_send_qy_weixin", "cmsi_send_mp_weixin"}:
        assert "receiver" in text, "they know no user names"
        return
    assert '"dry_run":true' in text, text
    assert not [told for told in LOOKED_UP if told in text], text
    assert "***" in text


OWN_RECEIVERS = ("receiver", "user_list_information", "cc")


@pytest.mark.parametrize(
    ("name", "key", "params", "told"),
    [
        ("cmsi_send_mail", "smtp", {"receiver__username": "anna"}, "a***@example.com"),
        ("cmsi_send_mail", "relay", {"receiver": "al@example.org", "cc__username": "anna"}, "a***@example.com"),
        ("cmsi_send_mail", "relay", {"receiver": "al@example.org", "cc__username": "anna"}, "al@example.org"),
        ("cmsi_send_mail", "relay", {"receiver": "Al@example.org", "cc": "al@example.org"}, "Al@example.org"),
        ("cmsi_send_sms", "relay", {"receiver__username": "anna"}, "138****5678"),
        ("cmsi_send_sms", "relay", {"receiver": "13812345678"}, "13812345678"),
        ("cmsi_send_sms", "tencent", {"receiver__username": "anna"}, "+86138****5678"),
        ("cmsi_send_sms", "tencent", {"receiver": "+8613812345678"}, "+8613812345678"),
        ("cmsi_send_voice_msg", "relay", {"receiver__username": "anna"}, "138****5678"),
        (
            "cmsi_send_voice_msg",
            "tencent",
            {"user_list_information": [{"username": "x", "mobile_phone": "13812345678"}, {"username": "ben"}]},
            "+8613812345678",
        ),
        (
            "cmsi_send_voice_msg",
            "relay",
            {"user_list_information": [{"username": "x", "mobile_phone": "13812345678"}, {"username": "ben"}]},
            "***67",
        ),
    ],
)
async def test_addresses_are_told_as_typed_and_others_masked(
    open_gateway: OpenGateway, name: str, key: str, params: dict[str, Any], told: str
) -> None:
    gateway = await directory(open_gateway, name, key)
    others = {key: value for key, value in CASES[name][key].params.items() if key not in OWN_RECEIVERS}
    answer = await gateway.call(f"cmsi/{name.removeprefix('cmsi_')}", **{**others, **params}, dry_run=True)
    assert f'"{told}"' in json.dumps(answer["data"]), answer


async def test_members_of_wecom_are_told_as_typed_or_masked(open_gateway: OpenGateway) -> None:
    gateway = await open_gateway(config=f"{DIRECTORY}components:\n{WECOM}".replace("${sandbox}", "http://127.0.0.1:9"))
    answer = await gateway.call(receiver="zhangsan|Lisi", data=MESSAGE, dry_run=True)
    assert [message["body"]["touser"] for message in answer["data"]["messages"]] == ["zhangsan|Lisi"]
    answer = await gateway.call(receiver__username="anna,ben", data=MESSAGE, dry_run=True)
    assert [message["body"]["touser"] for message in answer["data"]["messages"]] == ["A***|B***"]
    assert answer["data"]["messages"][0]["receivers"] == ["anna", "ben"]

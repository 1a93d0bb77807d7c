"""A form says a name several times, or has a file, or a query stands beside a body: nothing of it vanishes unsaid."""

import json
from typing import Any

import pytest
from aiohttp import FormData

from tests.support.configuration import DEMO
from tests.support.gateway import Gateway, OpenGateway

BY_HEADER = {"X-Bkapi-Authorization": json.dumps(DEMO)}
FORM = {**BY_HEADER, "Content-Type": "application/x-www-form-urlencoded"}
SEND = "/api/c/compapi/cmsi/send_weixin/"
MAIL = "/api/c/compapi/cmsi/send_mail/"
SEND_MAIL = (
    "  - {path: /cmsi/send_mail/, use: cmsi_send_mail, config: {smtp_host: 127.0.0.1, mail_sender: esb@example.com}}\n"
)


async def sent(gateway: Gateway, target: str = SEND, **options: Any) -> dict[str, Any]:
    answer: dict[str, Any] = await (await gateway.request("POST", target, **options)).json()
    return answer


async def test_a_repeated_parameter_is_a_list_where_it_may_be_one(open_gateway: OpenGateway) -> None:
    gateway = await open_gateway(SEND_MAIL)
    body = b"receiver=a@example.com&receiver=b@example.com&title=T&content=C&dry_run=1"
    answer = await sent(gateway, MAIL, data=body, headers=FORM)
    assert answer["result"]
    assert {"a@example.com", "b@example.com"} <= set(json.dumps(answer["data"]).split(chr(34)))
    assert "warnings" not in answer["data"]


async def test_elsewhere_it_is_the_last_one_and_that_is_said(open_gateway: OpenGateway) -> None:
    gateway = await open_gateway(SEND_MAIL)
    body = b"receiver=a@example.com&title=T&title=U&content=C&dry_run=1"
    answer = await sent(gateway, MAIL, data=body, headers=FORM)
    [warning] = answer["data"]["warnings"]
    assert (warning["field"], "the last one was taken" in warning["what"]) == ("title", True)


async def test_a_query_beside_a_body_is_named(gateway: Gateway) -> None:
    body = {"receiver": "zhangsan", "data": {"heading": "H", "message": "M"}}
    answer = await sent(gateway, SEND + "?receiver=lisi&bk_username=root", json=body, headers=BY_HEADER)
    assert (answer["result"], answer["data"]["accepted"]) == (True, ["zhangsan"])
    [warning] = answer["data"]["warnings"]
    assert (warning["field"], "not in the query" in warning["what"]) == ("receiver", True)


@pytest.mark.parametrize("name", ["bk_app_code", "bk_username", "bk_app_secret"])
async def test_who_calls_is_said_once(gateway: Gateway, name: str) -> None:
    body = f"bk_app_code=esb_demo&bk_app_secret=demo-secret&bk_username=admin&{name}=x&receiver=zhangsan".encode()
    answer = await sent(gateway, data=body, headers={"Content-Type": FORM["Content-Type"]})
    assert (answer["code"], f"[{name}]" in answer["message"]) == (1306406, True)


async def test_a_file_reaches_no_sender(gateway: Gateway) -> None:
    form = FormData({"receiver": "zhangsan"}, default_to_multipart=True)
    form.add_field("image", b"\x89PNG", filename="a.png")
    assert (await sent(gateway, data=form, headers=BY_HEADER))["code"] == 1306406

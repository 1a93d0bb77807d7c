"""An official account's messages before they are sent."""

from typing import Any

import pytest

from esb.channels.wechat.official_account import template_messages
from tests.support.gateway import OpenGateway, Sandbox
from tests.support.send_weixin import MP, OPENIDS, reached, seed, stanza


def test_a_template_message_goes_to_each_openid_and_is_dropped_when_repeated() -> None:
    first, second = template_messages(["a", "b"], "T", {"first": "v"}, "https://x.example")
    assert (first.receivers, second.receivers) == (("a",), ("b",))
    assert first.deduplicated
    body = first.body(0)
    assert body.pop("client_msg_id") == second.body(0)["client_msg_id"] != ""
    assert body == {"touser": "a", "template_id": "T", "data": {"first": {"value": "v"}}, "url": "https://x.example"}


def test_a_message_that_leads_nowhere_has_no_url() -> None:
    (message,) = template_messages(["a"], "T", {})
    assert "url" not in message.body(0)


@pytest.mark.parametrize("form", ["markdown", "textcard", "template_card"])
async def test_forms_of_wecom_are_refused_before_anything_is_asked(
    open_gateway: OpenGateway, sandbox: Sandbox, form: str
) -> None:
    await sandbox.post("seed", seed())
    gateway = await open_gateway(stanza(MP), sandbox_url=sandbox.url)
    notice: dict[str, Any] = {"heading": "H", "message": "M", "url": "https://x.example", "msgtype": form}
    answer = await gateway.send(OPENIDS[0], data=notice)
    assert (answer["code"], await sandbox.messages()) == (1306000, [])
    assert f"{form} needs WeCom, this is an official account" in answer["message"]
    assert reached(await gateway.send(OPENIDS[0], data={**notice, "msgtype": "text"})) == ([OPENIDS[0]], [], [])


@pytest.mark.parametrize(
    ("own", "beside", "leads_to"),
    [
        ("https://a.example/", "https://b.example/", "https://a.example/"),
        ("https://a.example/", "", "https://a.example/"),
        ("", "https://b.example/", "https://b.example/"),
    ],
)
async def test_a_tap_leads_where_the_notice_says_or_else_where_the_call_does(
    open_gateway: OpenGateway, sandbox: Sandbox, own: str, beside: str, leads_to: str
) -> None:
    await sandbox.post("seed", seed())
    gateway = await open_gateway(stanza(MP), sandbox_url=sandbox.url)
    notice = {"heading": "H", "message": "M", **({"url": own} if own else {})}
    assert reached(await gateway.send(OPENIDS[0], data=notice, url=beside)) == ([OPENIDS[0]], [], [])
    (message,) = await sandbox.messages()
    assert message["body"]["url"] == leads_to

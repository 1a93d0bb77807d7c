"""WeCom's cards through the gateway: what arrives, what WeCom cuts off, and what is refused before anything is sent."""

from typing import Any

import pytest

from tests.support.gateway import Gateway, Sandbox
from tests.support.send_weixin import data_of, reached

URL = "https://example.com/a"
TEXT: dict[str, Any] = {"heading": "H", "message": "M"}
CARD = {"card_type": "text_notice", "main_title": {"title": "T"}, "card_action": {"type": 1, "url": URL}}


async def arrived(sandbox: Sandbox) -> dict[str, Any]:
    """The body of the only message, less what all messages have."""
    (message,) = await sandbox.messages()
    common = {"agentid", "touser", "enable_duplicate_check", "duplicate_check_interval", "client_msg_id"}
    return {name: value for name, value in message["body"].items() if name not in common}


@pytest.mark.parametrize(
    ("data", "params", "url"),
    [
        ({"url": URL}, {}, URL),
        ({}, {"url": URL}, URL),
        ({"url": URL}, {"url": "https://example.com/b"}, URL),
        ({"url": "http://example.com"}, {}, "http://example.com"),
        ({"url": f"https://{'x' * 2040}"}, {}, f"https://{'x' * 2040}"),
    ],
    ids=["of data", "of the call", "of both", "http", "long"],
)
async def test_a_textcard_arrives_with_its_link(
    gateway: Gateway, sandbox: Sandbox, data: dict[str, Any], params: dict[str, Any], url: str
) -> None:
    answer = await gateway.send(data={**TEXT, "msgtype": "textcard", **data}, **params)
    assert reached(answer) == (["zhangsan"], [], [])
    assert "warnings" not in data_of(answer)
    assert await arrived(sandbox) == {
        "msgtype": "textcard",
        "textcard": {"title": "H", "description": "M", "url": url},
    }


@pytest.mark.parametrize("url", ["", "example.com", "ftp://example.com", f"https://{'x' * 2041}"])
async def test_a_textcard_without_a_usable_link_is_refused(gateway: Gateway, sandbox: Sandbox, url: str) -> None:
    answer = await gateway.send(data={**TEXT, "msgtype": "textcard", "url": url})
    assert (answer["result"], answer["code"]) == (False, 1306000)
    assert answer["message"].endswith("link of the message [url] A textcard needs a URL with http:// or https://")
    assert await sandbox.messages() == []


@pytest.mark.parametrize(
    ("heading", "message", "warned"),
    [
        ("标" * 128, "述" * 512, {}),
        ("标" * 129, "述" * 512, {"heading": 128}),
        ("标" * 128, "述" * 513, {"message": 512}),
        ("标" * 129, "述" * 513, {"heading": 128, "message": 512}),
    ],
)
async def test_what_wecom_cuts_off_a_textcard_is_told(
    gateway: Gateway, sandbox: Sandbox, heading: str, message: str, warned: dict[str, int]
) -> None:
    answer = await gateway.send(data={"msgtype": "textcard", "heading": heading, "message": message, "url": URL})
    assert answer["result"]
    assert [(entry["field"], entry["what"]) for entry in data_of(answer).get("warnings", [])] == [
        (field, f"WeChat shows only the first {most} characters") for field, most in warned.items()
    ]
    assert (await sandbox.messages())[0]["text"] == f"{heading[:128]}\n{message[:512]}"


async def test_a_template_card_arrives_as_it_is_without_heading_and_message(gateway: Gateway, sandbox: Sandbox) -> None:
    answer = await gateway.send(data={"msgtype": "template_card", "template_card": CARD})
    assert reached(answer) == (["zhangsan"], [], [])
    assert await arrived(sandbox) == {"msgtype": "template_card", "template_card": CARD}


@pytest.mark.parametrize("card", [None, {}, {"main_title": {"title": "T"}}, {"card_type": ""}])
async def test_a_template_card_without_a_type_is_refused(gateway: Gateway, sandbox: Sandbox, card: Any) -> None:
    answer = await gateway.send(data={**TEXT, "msgtype": "template_card", "template_card": card})
    assert (answer["result"], answer["code"]) == (False, 1306000)
    assert answer["message"].endswith("card of the message [template_card] Must be WeCom's object with a card_type")
    assert await sandbox.messages() == []


async def test_a_form_that_there_is_not_is_refused_with_those_that_there_are(
    gateway: Gateway, sandbox: Sandbox
) -> None:
    answer = await gateway.send(data={**TEXT, "msgtype": "poem"})
    assert (answer["code"], await sandbox.messages()) == (1306000, [])
    assert answer["message"].endswith(
        "Must be one of text, markdown, markdown_v2, textcard, image, file, news, template_card"
    )


async def test_what_wecom_says_of_a_card_is_told(gateway: Gateway, sandbox: Sandbox) -> None:
    answer = await gateway.send(data={"msgtype": "template_card", "template_card": {"card_type": "smoke"}})
    assert reached(answer) == ([], ["zhangsan"], [])
    assert (answer["data"]["errcode"], await sandbox.messages()) == (40058, [])


@pytest.mark.parametrize(("form", "most"), [("text", 2048), ("markdown", 2048), ("markdown_v2", 4096)])
async def test_a_page_has_as_many_bytes_as_wecom_takes(
    gateway: Gateway, sandbox: Sandbox, form: str, most: int
) -> None:
    assert (await gateway.send(data={**TEXT, "message": "m" * 9000, "msgtype": form}))["result"]
    sent = [message["body"][form]["content"] for message in await sandbox.messages()]
    assert max(len(page.encode()) for page in sent) == most

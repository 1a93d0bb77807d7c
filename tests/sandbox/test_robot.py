"""Group robots: the key is the credential, the limits are their own."""

import base64
import hashlib

import pytest

from tests.support.wechat_client import ROBOT, WEBHOOK_SEND, WeChat

IMAGE = b"\x89PNG"


def image(content: bytes = IMAGE, md5: str | None = None) -> dict[str, str]:
    digest = hashlib.md5(content, usedforsecurity=False).hexdigest()
    return {"base64": base64.b64encode(content).decode(), "md5": digest if md5 is None else md5}


async def test_a_text_is_taken_without_a_token(wechat: WeChat) -> None:
    assert await wechat.robot("告警") == {"errcode": 0, "errmsg": "ok"}

    [message] = await wechat.messages()
    assert (message["platform"], message["app"], message["endpoint"]) == ("robot", ROBOT, WEBHOOK_SEND)
    assert (message["text"], message["delivered"]) == ("告警", [ROBOT])


async def test_an_unknown_key_is_refused_before_the_body_is_read(wechat: WeChat) -> None:
    assert (await wechat.call("POST", WEBHOOK_SEND, data=b"{", params={"key": "no"}))["errcode"] == 93000
    assert (await wechat.call("POST", WEBHOOK_SEND, data=b"{"))["errcode"] == 93000


async def test_a_disabled_robot_is_told_apart(wechat: WeChat) -> None:
    await wechat.seed(robots=[{"key": ROBOT, "enabled": False}])

    assert (await wechat.robot())["errcode"] == 93004


@pytest.mark.parametrize("body", [b"", b"{", b"[]"])
async def test_a_body_that_is_no_object_is_an_invalid_parameter(wechat: WeChat, body: bytes) -> None:
    assert (await wechat.call("POST", WEBHOOK_SEND, data=body, params={"key": ROBOT}))["errcode"] == 40058


@pytest.mark.parametrize(
    ("kind", "payload", "text"),
    [
        ("text", {"content": "x" * 5120, "mentioned_list": ["@all"], "mentioned_mobile_list": []}, "x" * 5120),
        ("markdown", {"content": "字" * 1365}, "字" * 1365),
        ("markdown_v2", {"content": "# 标题"}, "# 标题"),
        ("image", image(), ""),
        ("file", {"media_id": "m"}, ""),
        ("voice", {"media_id": "m"}, ""),
        ("news", {"articles": [{"title": "标题", "url": "https://example.com"}]}, "标题"),
        (
            "template_card",
            {"card_type": "news_notice", "main_title": {"title": "卡"}, "card_action": {"type": 1}},
            "卡",
        ),
    ],
)
async def test_every_kind_of_message_is_taken(wechat: WeChat, kind: str, payload: object, text: str) -> None:
    assert (await wechat.robot_body({"msgtype": kind, kind: payload}))["errcode"] == 0
    assert (await wechat.messages())[0]["text"] == text


@pytest.mark.parametrize(
    ("body", "errcode"),
    [
        ({}, 40008),
        ({"msgtype": "textcard", "textcard": {}}, 40008),
        ({"msgtype": ["text"]}, 40008),
        ({"msgtype": "text"}, 44004),
        ({"msgtype": "text", "text": {"content": ""}}, 44004),
        ({"msgtype": "text", "text": {"content": "x" * 5121}}, 40058),
        ({"msgtype": "markdown", "markdown": {"content": "字" * 1366}}, 40058),
        ({"msgtype": "markdown_v2", "markdown_v2": {"content": "x" * 4097}}, 40058),
        ({"msgtype": "image", "image": image(md5="0" * 32)}, 301019),
        ({"msgtype": "image", "image": {"base64": "?", "md5": "x"}}, 40058),
        ({"msgtype": "image", "image": image(b"x" * (2 * 1024 * 1024 + 1))}, 40009),
        ({"msgtype": "file", "file": {}}, 40007),
        ({"msgtype": "news", "news": {"articles": [{"title": "t"}] * 9}}, 45008),
    ],
)
async def test_content_outside_its_limits_is_refused(wechat: WeChat, body: object, errcode: int) -> None:
    assert (await wechat.robot_body(body))["errcode"] == errcode
    assert await wechat.messages() == []


async def test_overlong_content_is_named_with_its_limit(wechat: WeChat) -> None:
    errmsg = (await wechat.robot("x" * 5121))["errmsg"]

    assert errmsg.startswith("text.content exceed max length 5120, hint: [")


async def test_overlong_markdown_may_pass_with_a_warning_and_reach_nobody(wechat: WeChat) -> None:
    await wechat.turn(robot_markdown_over="warning")
    reply = await wechat.robot_body({"msgtype": "markdown", "markdown": {"content": "x" * 4097}})

    assert reply == {"errcode": 0, "errmsg": "ok. Warning: wrong json format. "}
    assert (await wechat.messages())[0]["delivered"] == []


async def test_a_mention_that_is_no_list_is_misread_with_a_warning(wechat: WeChat) -> None:
    reply = await wechat.robot_body({"msgtype": "text", "text": {"content": "x", "mentioned_list": "@all"}})

    assert reply == {"errcode": 0, "errmsg": "ok. Warning: wrong json format. "}
    assert (await wechat.messages())[0]["delivered"] == [ROBOT]


async def test_an_extra_empty_text_beside_markdown_does_not_matter(wechat: WeChat) -> None:
    body = {"msgtype": "markdown", "text": {"content": ""}, "markdown": {"content": "**x**"}, "touser": "lisi"}

    assert (await wechat.robot_body(body))["errcode"] == 0


async def test_a_robot_can_be_limited_by_minute(wechat: WeChat) -> None:
    await wechat.seed(robots=[ROBOT, "other"], knobs={"robot.per_minute": 20})
    codes = [(await wechat.robot())["errcode"] for _ in range(21)]
    assert codes == [0] * 20 + [45009]
    assert (await wechat.robot(key="other"))["errcode"] == 0

    wechat.clock.now += 60
    assert (await wechat.robot())["errcode"] == 0


async def test_the_same_message_twice_is_two_messages(wechat: WeChat) -> None:
    await wechat.robot()
    await wechat.robot()

    assert [message["duplicate_of"] for message in await wechat.messages()] == [None, None]

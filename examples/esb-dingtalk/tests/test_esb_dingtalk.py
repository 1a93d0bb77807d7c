"""The DingTalk robot, from HTTP to the group."""

import base64
import hashlib
import hmac

import pytest
from aiohttp import web

from esb.testing import AssertNoSecrets, CallComponent, OpenGateway, Upstream, assert_keeps_promises

TOKEN, SECRET = "robot-access-token", "SEC+/=robot-secret"


@pytest.fixture
async def robot(gateway: OpenGateway, upstream: Upstream) -> None:
    """A gateway whose robot talks to the upstream."""
    upstream.answers({"errcode": 0, "errmsg": "ok"})
    await gateway("dingtalk_robot", {"access_token": TOKEN, "secret": SECRET, "host": upstream.url})


def is_signed(query: dict[str, str]) -> bool:
    """DingTalk's own check, written down from its documentation."""
    text = query["timestamp"] + "\n" + SECRET
    expected = base64.b64encode(hmac.digest(SECRET.encode(), text.encode(), hashlib.sha256))
    return query["sign"].encode() == expected


@pytest.mark.usefixtures("robot")
async def test_a_signed_text_arrives(
    upstream: Upstream, call: CallComponent, assert_no_secrets: AssertNoSecrets
) -> None:
    answer = await call(content="Disk is full", at_mobiles="13800000000,13800000001")

    assert (answer["result"], answer["message"]) == (True, "OK")
    (asked,) = upstream.requests
    assert (asked.method, asked.path, asked.query["access_token"]) == ("POST", "/robot/send", TOKEN)
    assert is_signed(dict(asked.query))
    assert asked.json == {
        "msgtype": "text",
        "text": {"content": "Disk is full"},
        "at": {"atMobiles": ["13800000000", "13800000001"], "isAtAll": False},
    }
    assert_no_secrets(TOKEN, SECRET)


@pytest.mark.usefixtures("robot")
async def test_dingtalks_refusal_is_told(
    upstream: Upstream, call: CallComponent, assert_no_secrets: AssertNoSecrets
) -> None:
    upstream.answers({"errcode": 310000, "errmsg": "sign not match"})

    answer = await call(content="Disk is full")

    assert (answer["result"], answer["code"]) == (False, 1306000)
    assert answer["message"] == "Message sending failed, sign not match"
    assert (answer["data"]["errcode"], answer["data"]["class"]) == (310000, "message")
    assert_no_secrets(TOKEN, SECRET)


@pytest.mark.usefixtures("robot")
async def test_too_many_messages_are_told_with_a_time(upstream: Upstream, call: CallComponent) -> None:
    upstream.answers({"errcode": 130101, "errmsg": "send too fast"})

    answer = await call(content="Disk is full")

    assert (answer["code"], answer["data"]["retry_after"]) == (1306429, 600.0)


@pytest.mark.usefixtures("robot")
async def test_a_dry_run_sends_nothing(upstream: Upstream, call: CallComponent) -> None:
    answer = await call(content="Disk is full", dry_run=True)

    (message,) = answer["data"]["messages"]
    assert message["body"]["text"] == {"content": "Disk is full"}
    assert upstream.requests == []


@pytest.mark.usefixtures("robot")
async def test_without_a_text_nothing_is_sent(upstream: Upstream, call: CallComponent) -> None:
    answer = await call()

    assert answer["message"] == "message content [content] This field is required."
    assert upstream.requests == []


@pytest.mark.usefixtures("robot")
async def test_a_broken_connection_is_told_without_a_secret(
    upstream: Upstream, call: CallComponent, assert_no_secrets: AssertNoSecrets
) -> None:
    async def hang_up(request: web.Request) -> web.Response:
        assert request.transport is not None
        request.transport.close()
        return web.Response()

    upstream.answers(hang_up)

    assert (await call(content="Disk is full"))["code"] == 1306201
    assert_no_secrets(TOKEN, SECRET)


@pytest.mark.usefixtures("robot")
async def test_it_keeps_the_promises_of_a_sender(upstream: Upstream, call: CallComponent) -> None:
    await assert_keeps_promises(call, upstream, {"content": "Disk is full"})

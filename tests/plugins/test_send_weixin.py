"""cmsi/send_weixin over HTTP, through the WeChat sandbox: what arrives, and what the caller is told."""

import asyncio
import base64
import json
import re
import time
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from aiohttp import web

from esb.core.events import UpstreamFinished
from tests.support.clock import Clock
from tests.support.configuration import DEMO, MESSAGE, OPENID, SEND_WEIXIN, SERVICES
from tests.support.gateway import Gateway, OpenGateway, OpenServer, Sandbox
from tests.support.loop_time import late, turns
from tests.support.send_weixin import (
    CONFIGS,
    MP_SEND,
    MP_TOKEN,
    OPENIDS,
    PATHS,
    QY,
    SEND,
    TEMPLATE,
    TOKEN,
    data_of,
    fault,
    reached,
    seed,
    stanza,
)

SYSTEMS = {"qy": "weixin_qy", "mp": "weixin_mp"}
RECEIVERS = {"qy": "zhangsan", "mp": OPENID}
APP = {"qy": "ww0000000000000001/1000002", "mp": "wx0000000000000001"}


OpenPlatform = Callable[..., Awaitable[Gateway]]


@pytest.fixture
def open_platform(open_gateway: OpenGateway, sandbox: Sandbox) -> OpenPlatform:
    """A gateway that sends by "qy" or "mp" through the sandbox; further keys are those of the config."""

    async def open_one(
        platform: str, *, timeout: float = 30, clock: Clock | None = None, services: str = SERVICES, **config: Any
    ) -> Gateway:
        text = services + "components:\n" + stanza({**CONFIGS[platform], **config}, timeout)
        return await open_gateway(config=text, sandbox_url=sandbox.url, clock=clock)

    return open_one


@pytest.fixture(params=["qy", "mp"])
def platform(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
async def official(open_platform: OpenPlatform, sandbox: Sandbox) -> Gateway:
    """A gateway that sends by an official account with five followers."""
    await sandbox.post("seed", seed(openids=OPENIDS))
    return await open_platform("mp")


def failed(answer: dict[str, Any]) -> list[tuple[str, int | None, str]]:
    return [(entry["receiver"], entry["errcode"], entry["errmsg"]) for entry in data_of(answer)["failed"]]


def assert_sent(answer: dict[str, Any], *accepted: str) -> None:
    assert (answer["result"], answer["code"], answer["message"]) == (True, 0, "OK")
    assert reached(answer) == (list(accepted), [], [])


async def texts(sandbox: Sandbox) -> list[str]:
    return [message["text"] for message in await sandbox.messages()]


async def tousers(sandbox: Sandbox) -> list[str]:
    return [message["body"]["touser"] for message in await sandbox.messages()]


# What arrives


async def test_requests_are_told_by_the_names_of_the_platforms_interfaces(
    open_platform: OpenPlatform, platform: str, sandbox: Sandbox
) -> None:
    gateway = await open_platform(platform)
    await gateway.send(RECEIVERS[platform])
    sending = {"qy": "send_message", "mp": "send_msg_with_tpl"}[platform]
    assert [
        (event.system, event.interface, event.kind) for event in gateway.events if isinstance(event, UpstreamFinished)
    ] == [(SYSTEMS[platform], "get_token", "ok"), (SYSTEMS[platform], sending, "ok")]


async def test_the_documented_request_arrives_as_it_is_documented(gateway: Gateway, sandbox: Sandbox) -> None:
    answer = await gateway.call(
        SEND_WEIXIN,
        auth={"bk_app_code": "esb_demo", "bk_app_secret": "demo-secret", "bk_token": "demo-token"},
        receiver="zhangsan",
        data={
            "heading": "blueking alarm",
            "message": "This is a test.",
            "date": "2017-02-22 15:36",
            "remark": "This is a test!",
        },
    )
    assert_sent(answer, "zhangsan")
    message = (await sandbox.messages())[0]
    assert message["text"] == "blueking alarm\nThis is a test.\nDate: 2017-02-22 15:36\nThis is a test!"
    assert (message["platform"], message["app"]) == ("qy", "ww0000000000000001/1000002")
    assert message["delivered"] == ["zhangsan"]
    body = {key: message["body"][key] for key in ("touser", "msgtype", "agentid")}
    assert body == {"touser": "zhangsan", "msgtype": "text", "agentid": 1000002}
    assert data_of(answer)["msgids"] == [message["reply"]["msgid"]]
    assert data_of(answer)["username_check"] == {"invalid": []}


async def test_an_official_account_sends_its_template(open_platform: OpenPlatform, sandbox: Sandbox) -> None:
    gateway = await open_platform("mp")
    answer = await gateway.send(OPENID, data={**MESSAGE, "remark": "R"}, url="https://example.com/more")
    assert_sent(answer, OPENID)
    message = (await sandbox.messages())[0]
    assert (message["platform"], message["endpoint"]) == ("mp", MP_SEND)
    body = message["body"]
    assert (body["touser"], body["template_id"], body["url"]) == (OPENID, TEMPLATE, "https://example.com/more")
    fields = {"first": "H", "keyword1": "M", "keyword2": "D", "remark": "R"}
    assert body["data"] == {key: {"value": value} for key, value in fields.items()}
    assert data_of(answer)["msgids"] == [str(message["reply"]["msgid"])]


async def test_without_remark_and_url_a_template_has_none(open_platform: OpenPlatform, sandbox: Sandbox) -> None:
    gateway = await open_platform("mp")
    assert_sent(await gateway.send(OPENID), OPENID)
    body = (await sandbox.messages())[0]["body"]
    assert set(body["data"]) == {"first", "keyword1", "keyword2"}
    assert "url" not in body


async def test_text_reaches_wechat_as_it_was_written(
    open_platform: OpenPlatform, platform: str, sandbox: Sandbox
) -> None:
    gateway = await open_platform(platform)
    text = "你好 😀 <a href='x'>& \"q\" \\ {heading} %s é\u0301"
    await gateway.send(RECEIVERS[platform], data={**MESSAGE, "message": text})
    message = (await sandbox.messages())[0]
    assert text in message["text"]
    assert "你好 😀".encode() in base64.b64decode(message["raw"])


@pytest.mark.parametrize("qywx", ["qy", "qywx"])
async def test_wecom_has_two_names(open_platform: OpenPlatform, sandbox: Sandbox, qywx: str) -> None:
    assert_sent(await (await open_platform("qy", wx_type=qywx)).send(), "zhangsan")


@pytest.mark.parametrize(
    ("data", "text"),
    [
        ({"heading": "  H ", "message": "\n a b \n"}, "H\na b"),
        ({"heading": 42, "message": 1.5}, "42\n1.5"),
        ({"heading": "H", "message": "M", "is_message_base64": "false"}, "H\nM"),
        ({"heading": "H", "message": "TQ==", "is_message_base64": "0"}, "H\nTQ=="),
        ({"heading": "H", "message": "TQ==", "is_message_base64": False}, "H\nTQ=="),
        ({"heading": "H", "message": "TQ==", "is_message_base64": None}, "H\nTQ=="),
        ({"heading": "H", "message": "TQ==", "is_message_base64": True}, "H\nM"),
        ({"heading": "H", "message": "TQ==", "is_message_base64": "no"}, "H\nM"),
        ({"heading": "H", "message": "5L2g\n5aW9\r\n", "is_message_base64": 1}, "H\n你好"),
        ({"heading": "H", "message": "M", "unheard_of": 1}, "H\nM"),
    ],
)
async def test_data_is_read_as_the_old_esb_read_it(
    gateway: Gateway, sandbox: Sandbox, data: dict[str, Any], text: str
) -> None:
    assert_sent(await gateway.send(data={"date": "D", **data}), "zhangsan")
    assert await texts(sandbox) == [f"{text}\nDate: D"]


@pytest.mark.parametrize("date", [{}, {"date": ""}, {"date": None}, {"date": "  "}])
async def test_a_date_left_out_is_now(
    open_platform: OpenPlatform, platform: str, sandbox: Sandbox, date: dict[str, Any]
) -> None:
    gateway = await open_platform(platform)
    around = [time.strftime("%Y-%m-%d %H:%M")]
    await gateway.send(RECEIVERS[platform], data={"heading": "H", "message": "M", **date})
    around.append(time.strftime("%Y-%m-%d %H:%M"))
    body = (await sandbox.messages())[0]["body"]
    sent = body["data"]["keyword2"]["value"] if platform == "mp" else body["text"]["content"].rpartition("Date: ")[2]
    assert sent in around
    assert re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d", sent)


# For whom


@pytest.mark.parametrize(
    "receiver",
    [
        "zhangsan,lisi",
        " zhangsan ; lisi ",
        "zhangsan lisi",
        "zhangsan\r\nlisi\n",
        ["zhangsan", "lisi"],
        [" zhangsan ", "", "lisi"],
        '["zhangsan", "lisi"]',
        "zhangsan,lisi,zhangsan",
        ["zhangsan", "lisi", "zhangsan"],
        "zhangsan|lisi",
    ],
)
async def test_receivers_come_in_every_form_and_get_one_message_each(
    gateway: Gateway, sandbox: Sandbox, receiver: Any
) -> None:
    assert_sent(await gateway.send(receiver), "zhangsan", "lisi")
    assert await tousers(sandbox) == ["zhangsan|lisi"]


@pytest.mark.parametrize("receiver", [10001, "10001", [10001]])
async def test_a_number_is_a_receiver_too(gateway: Gateway, sandbox: Sandbox, receiver: Any) -> None:
    await sandbox.post("seed", seed(members=["10001"]))
    assert_sent(await gateway.send(receiver), "10001")
    assert await tousers(sandbox) == ["10001"]


async def test_a_member_spelled_in_two_ways_gets_one_message(gateway: Gateway, sandbox: Sandbox) -> None:
    assert_sent(await gateway.send("ZhangSan,zhangsan"), "ZhangSan", "zhangsan")
    assert await tousers(sandbox) == ["ZhangSan"]


async def test_an_official_account_sends_one_call_to_each_openid(official: Gateway, sandbox: Sandbox) -> None:
    answer = await official.send(",".join(OPENIDS))
    assert_sent(answer, *OPENIDS)
    assert sorted(await tousers(sandbox)) == OPENIDS
    assert len(set(data_of(answer)["msgids"])) == 5


async def test_user_names_become_wechat_ids_and_are_answered_as_user_names(gateway: Gateway, sandbox: Sandbox) -> None:
    assert_sent(await gateway.send("", receiver__username="admin,lisi"), "admin", "lisi")
    assert await tousers(sandbox) == ["zhangsan|lisi"]


async def test_receiver_wins_over_user_names(gateway: Gateway, sandbox: Sandbox) -> None:
    assert_sent(await gateway.send("wangwu", receiver__username="admin,nobody"), "wangwu")
    assert await tousers(sandbox) == ["wangwu"]


async def test_several_names_with_one_wechat_id_get_one_message(open_platform: OpenPlatform, sandbox: Sandbox) -> None:
    twin = "- {username: twin, wx_userid: zhangsan}\n        - {username: lisi"
    gateway = await open_platform("qy", services=SERVICES.replace("- {username: lisi", twin))
    answer = await gateway.send("", receiver__username=["admin", "twin", "lisi"])
    assert_sent(answer, "admin", "twin", "lisi")
    assert await tousers(sandbox) == ["zhangsan|lisi"]


async def test_several_names_with_one_bad_wechat_id_fail_together(
    open_platform: OpenPlatform, sandbox: Sandbox
) -> None:
    services = SERVICES.replace("wx_userid: zhangsan", "wx_userid: gone").replace(
        "- {username: lisi", "- {username: twin, wx_userid: Gone}\n        - {username: lisi"
    )
    gateway = await open_platform("qy", services=services)
    answer = await gateway.send("", receiver__username="admin,twin,lisi")
    assert reached(answer) == (["lisi"], ["admin", "twin"], [])
    assert answer["message"] == "WeChat message sending failed, invalid user: admin|twin"


UNKNOWN = "The following users are not blueking users: "
WITHOUT = "The following users contact format are incorrect: "


@pytest.mark.parametrize(
    ("names", "accepted", "missed", "invalid", "complaint"),
    [
        ("admin,nobody", ["admin"], ["nobody"], ["nobody"], f"{UNKNOWN}nobody"),
        ("left,admin,nobody", ["admin"], ["left", "nobody"], ["left", "nobody"], f"{UNKNOWN}left,nobody"),
        ("admin,without", ["admin"], ["without"], [], f"{WITHOUT}without"),
        ("without,nobody,lisi", ["lisi"], ["nobody", "without"], ["nobody"], f"{UNKNOWN}nobody;{WITHOUT}without"),
    ],
)
async def test_names_that_lead_nowhere_are_told_and_the_others_get_the_message(
    gateway: Gateway,
    sandbox: Sandbox,
    names: str,
    accepted: list[str],
    missed: list[str],
    invalid: list[str],
    complaint: str,
) -> None:
    answer = await gateway.send("", receiver__username=names)
    assert (answer["result"], answer["code"]) == (False, 1306000)
    assert answer["message"] == f"Some users failed to send wechat message. {complaint}"
    assert reached(answer) == (accepted, missed, [])
    assert [errcode for _, errcode, _ in failed(answer)] == [None] * len(missed)
    assert answer["data"]["username_check"] == {"invalid": invalid}
    assert len(await sandbox.messages()) == 1


async def test_when_no_name_leads_anywhere_nothing_is_sent(gateway: Gateway, sandbox: Sandbox) -> None:
    answer = await gateway.send("", receiver__username="nobody,left,without")
    assert answer["message"] == f"All users message failed to be sent. {UNKNOWN}nobody,left;{WITHOUT}without"
    assert reached(answer) == ([], ["nobody", "left", "without"], [])
    assert answer["data"]["username_check"] == {"invalid": ["nobody", "left"]}
    assert await sandbox.calls(TOKEN) == 0


@pytest.mark.parametrize("receiver", ["@all", "@ALL", "u1|@all", "zhangsan, @All", ["zhangsan", " @all "]])
async def test_everybody_is_refused_unless_the_operator_allows_it(
    gateway: Gateway, sandbox: Sandbox, receiver: Any
) -> None:
    answer = await gateway.send(receiver)
    assert (answer["result"], answer["code"]) == (False, 1306000)
    assert "wx_qy_allow_all" in answer["message"]
    assert await sandbox.calls(SEND) == 0


@pytest.mark.parametrize(
    ("receiver", "accepted"), [("@all", ["@all"]), ("@ALL", ["@ALL"]), ("zhangsan|@all", ["zhangsan", "@all"])]
)
async def test_everybody_is_one_message_where_the_operator_allows_it(
    open_platform: OpenPlatform, sandbox: Sandbox, receiver: str, accepted: list[str]
) -> None:
    gateway = await open_platform("qy", wx_qy_allow_all=True)
    assert_sent(await gateway.send(receiver), *accepted)
    assert await tousers(sandbox) == ["@all"]
    assert (await sandbox.messages())[0]["delivered"] == ["zhangsan", "lisi", "wangwu"]


async def test_everybody_cannot_hide_in_the_directory(open_platform: OpenPlatform, sandbox: Sandbox) -> None:
    gateway = await open_platform("qy", services=SERVICES.replace("wx_userid: zhangsan", 'wx_userid: "u1|@all"'))
    answer = await gateway.send("", receiver__username="admin")
    assert "wx_qy_allow_all" in answer["message"]
    assert await sandbox.calls(SEND) == 0


async def test_2500_receivers_are_sent_in_calls_of_at_most_1000(gateway: Gateway, sandbox: Sandbox) -> None:
    members = [f"member{number}" for number in range(2500)]
    await sandbox.post("seed", seed(members=members))
    answer = await gateway.send([*members, *members[:10]])
    assert_sent(answer, *members)
    messages = await sandbox.messages()
    assert sorted(len(message["delivered"]) for message in messages) == [500, 1000, 1000]
    assert {name for message in messages for name in message["delivered"]} == set(members)
    assert len(set(data_of(answer)["msgids"])) == 3


# Long text


async def test_a_long_text_arrives_in_numbered_pages_in_order(gateway: Gateway, sandbox: Sandbox) -> None:
    text = "".join(f"第{number}行：磁盘空间不足😀\n" for number in range(160)).strip()
    assert 5000 < len(text.encode()) < 6000
    answer = await gateway.send("zhangsan,lisi", data={"heading": "H", "message": text, "date": "D"})
    assert_sent(answer, "zhangsan", "lisi")
    messages = await sandbox.messages()
    pages = [message["text"] for message in messages]
    assert [page.partition("\n")[0] for page in pages] == ["(1/3)", "(2/3)", "(3/3)"]
    assert "".join(page.partition("\n")[2] for page in pages) == f"H\n{text}\nDate: D"
    assert all(len(message["body"]["text"]["content"].encode()) <= 2048 for message in messages)
    assert data_of(answer)["msgids"] == [message["reply"]["msgid"] for message in messages]


async def test_when_a_page_fails_the_later_ones_are_not_sent_and_the_caller_knows_how_many_arrived(
    gateway: Gateway, sandbox: Sandbox
) -> None:
    await fault(sandbox, SEND, {"errcode": 45002, "errmsg": "content size out of limit"}, 1, match={"nth": 2})
    answer = await gateway.send("zhangsan,lisi", data={**MESSAGE, "message": "字" * 2000})
    assert len(await sandbox.messages()) == 1
    assert reached(answer) == ([], ["zhangsan", "lisi"], [])
    assert {(entry["pages_accepted"], entry["pages"]) for entry in answer["data"]["failed"]} == {(1, 3)}
    assert len(data_of(answer)["msgids"]) == 1


async def test_who_missed_a_page_gets_none_of_the_later_ones(gateway: Gateway, sandbox: Sandbox) -> None:
    answer = await gateway.send("zhangsan,ghost", data={**MESSAGE, "message": "字" * 1500})
    assert reached(answer) == (["zhangsan"], ["ghost"], [])
    assert await tousers(sandbox) == ["zhangsan|ghost", "zhangsan", "zhangsan"]


# The caller's own app


async def test_a_caller_may_bring_its_own_app(gateway: Gateway, sandbox: Sandbox) -> None:
    await sandbox.post("seed", seed())
    answer = await gateway.send(wx_qy_agentid="1000003", wx_qy_corpsecret="second-secret")
    assert_sent(answer, "zhangsan")
    assert_sent(await gateway.send(), "zhangsan")
    apps = [message["app"] for message in await sandbox.messages()]
    assert apps == ["ww0000000000000001/1000003", "ww0000000000000001/1000002"]


async def test_an_agentid_that_does_not_belong_to_the_secret_is_told(gateway: Gateway, sandbox: Sandbox) -> None:
    await sandbox.post("seed", seed())
    answer = await gateway.send(wx_qy_agentid=1000003)
    assert answer["data"]["errcode"] == 301002
    assert answer["message"].startswith(
        "WeChat message sending failed, not allow operate another agent with this accesstoken"
    )


async def test_without_an_app_of_its_own_the_gateway_asks_every_caller_for_one(
    open_gateway: OpenGateway, sandbox: Sandbox
) -> None:
    config = {key: value for key, value in QY.items() if key not in {"wx_qy_corpsecret", "wx_qy_agentid"}}
    gateway = await open_gateway(stanza(config), sandbox_url=sandbox.url)
    assert (await gateway.send())["message"] == "corp secret [corpsecret] This field is required."
    without_agentid = await gateway.send(wx_qy_corpsecret="corp-secret")
    assert without_agentid["message"] == "corp agentid [agentid] This field is required."
    assert_sent(await gateway.send(wx_qy_corpsecret="corp-secret", wx_qy_agentid=1000002), "zhangsan")


async def test_of_many_wrong_secrets_sent_by_one_app_10_are_tried_and_the_gateways_own_goes_on(
    gateway: Gateway, sandbox: Sandbox
) -> None:
    answers = await asyncio.gather(*(gateway.send(wx_qy_corpsecret=f"wrong-{number}") for number in range(60)))
    assert await sandbox.calls(TOKEN) == 10
    assert sorted({answer["code"] for answer in answers}) == [1306000, 1306429]
    limited = [answer for answer in answers if answer["code"] == 1306429]
    assert len(limited) == 50
    assert all(0 < answer["data"]["retry_after"] <= 60 for answer in limited)
    assert all(reached(answer) == ([], ["zhangsan"], []) for answer in answers)
    assert not any("wrong-" in json.dumps(answer) for answer in answers)
    assert_sent(await gateway.send(), "zhangsan")


# What is wrong before anything is sent

REQUIRED = "This field is required."


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"data": None}, f"message data [data] {REQUIRED}"),
        ({"data": {}}, f"message data [data] {REQUIRED}"),
        ({"data": ""}, f"message data [data] {REQUIRED}"),
        ({"data": "text"}, "message data [data] Must be the specified parameter data type dict"),
        ({"data": ["text"]}, "message data [data] Must be the specified parameter data type dict"),
        ({"data": {"message": "M"}}, f"notification header text [heading] {REQUIRED}"),
        ({"data": {"heading": " ", "message": "M"}}, f"notification header text [heading] {REQUIRED}"),
        ({"data": {"heading": None, "message": "M"}}, f"notification header text [heading] {REQUIRED}"),
        ({"data": {"heading": "H"}}, f"notification text [message] {REQUIRED}"),
        ({"data": {"heading": "H", "message": "\n\t"}}, f"notification text [message] {REQUIRED}"),
        ({"data": {"unheard_of": 1}}, f"notification header text [heading] {REQUIRED}"),
        (
            {"data": {"heading": "H\u0000", "message": "M"}},
            "notification header text [heading] Null characters are not allowed.",
        ),
        ({"receiver": ""}, "WeChat receiver [receiver, receiver__username] shall not be empty at the same time"),
        ({"receiver": " ,; "}, "WeChat receiver [receiver, receiver__username] shall not be empty at the same time"),
        (
            {"receiver": [], "receiver__username": None},
            "WeChat receiver [receiver, receiver__username] shall not be empty at the same time",
        ),
        ({"receiver": "|"}, f"wechat receiver [receiver] {REQUIRED}"),
        ({"receiver": "", "data": None}, f"message data [data] {REQUIRED}"),
        ({"receiver": {"a": 1}}, "wechat receiver [receiver] Must be the specified parameter data type list"),
        ({"wx_qy_agentid": "abc"}, "corp agentid [agentid] Enter a whole number."),
        ({"wx_qy_agentid": 1.5}, "corp agentid [agentid] Enter a whole number."),
        ({"wx_qy_agentid": True}, "corp agentid [agentid] Enter a whole number."),
        ({"wx_qy_agentid": [1]}, "corp agentid [agentid] Enter a whole number."),
    ],
)
async def test_the_first_wrong_parameter_is_told_in_the_old_words_and_nothing_is_sent(
    gateway: Gateway, sandbox: Sandbox, params: dict[str, Any], message: str
) -> None:
    answer = await gateway.send(**params)
    assert (answer["result"], answer["code"], answer["message"]) == (False, 1306000, message)
    assert await sandbox.calls(TOKEN) == 0
    assert await sandbox.calls(SEND) == 0


@pytest.mark.parametrize(
    "params",
    [
        {"data": {"heading": ["H"], "message": "M"}},
        {"data": {"heading": {"a": 1}, "message": "M"}},
        {"data": {"heading": "H", "message": True}},
        {"data": {"heading": "H", "message": "M", "date": []}},
        {"data": {"heading": "H", "message": "M", "remark": {"a": 1}}},
        {"data": {"heading": "H", "message": "M", "is_message_base64": {"a": 1}}},
        {"receiver": [{"a": 1}]},
        {"receiver": [["zhangsan"]]},
        {"receiver": True},
        {"receiver": [None]},
        {"receiver": "zhang\u0000san"},
        {"wx_qy_corpsecret": ["s"]},
        {"url": {"a": 1}},
    ],
)
async def test_a_wrong_type_at_any_depth_is_refused(gateway: Gateway, sandbox: Sandbox, params: dict[str, Any]) -> None:
    answer = await gateway.send(**params)
    assert (answer["result"], answer["code"]) == (False, 1306000)
    assert "Component error" not in answer["message"]
    assert await sandbox.calls(SEND) == 0


NO_BASE64 = "notification text [message] Must be base64 of UTF-8 text, as is_message_base64 says"


@pytest.mark.parametrize(
    "message",
    [
        "not*base64!",
        "TQ",
        "TQ=",
        "=",
        base64.b64encode(b"\xff\xfe").decode(),
        "AAAA",
        base64.b64encode(b" \n").decode(),
    ],
)
async def test_what_is_no_base64_of_text_is_refused(
    open_platform: OpenPlatform, platform: str, sandbox: Sandbox, message: str
) -> None:
    gateway = await open_platform(platform)
    answer = await gateway.send(RECEIVERS[platform], data={**MESSAGE, "message": message, "is_message_base64": True})
    assert (answer["code"], answer["message"]) == (1306000, NO_BASE64)
    assert await sandbox.calls(PATHS[platform][0]) == 0


# What WeChat says


async def test_members_that_wecom_does_not_know_are_told_and_the_others_get_the_message(
    gateway: Gateway, sandbox: Sandbox
) -> None:
    answer = await gateway.send("zhangsan,Ghost,lisi,PHANTOM")
    assert (answer["result"], answer["code"]) == (False, 1306000)
    assert answer["message"] == "WeChat message sending failed, invalid user: Ghost|PHANTOM"
    assert reached(answer) == (["zhangsan", "lisi"], ["Ghost", "PHANTOM"], [])
    assert failed(answer) == [("Ghost", 40003, "invalid user"), ("PHANTOM", 40003, "invalid user")]
    assert (await sandbox.messages())[0]["delivered"] == ["zhangsan", "lisi"]


async def test_empty_lists_of_wecom_mean_nobody(gateway: Gateway, sandbox: Sandbox) -> None:
    await sandbox.post("seed", seed(knobs={"qy.invalid_fields": "empty"}))
    assert_sent(await gateway.send(), "zhangsan")


async def test_members_without_a_licence_are_told_apart(gateway: Gateway, sandbox: Sandbox) -> None:
    await sandbox.post("seed", seed(members=["zhangsan", {"userid": "Temp", "licensed": False}]))
    answer = await gateway.send("zhangsan,Temp,ghost")
    assert reached(answer) == (["zhangsan"], ["Temp", "ghost"], [])
    assert [errmsg for _, _, errmsg in failed(answer)] == ["unlicensed user", "invalid user"]


async def test_a_member_without_a_licence_is_told_though_wecom_knows_everybody(
    gateway: Gateway, sandbox: Sandbox
) -> None:
    await sandbox.post("seed", seed(members=["zhangsan", {"userid": "Temp", "licensed": False}]))
    answer = await gateway.send("zhangsan,Temp")
    assert (answer["result"], reached(answer)) == (False, (["zhangsan"], ["Temp"], []))
    assert failed(answer) == [("Temp", 40003, "unlicensed user")]


async def test_when_wecom_knows_nobody_its_own_words_are_told(gateway: Gateway, sandbox: Sandbox) -> None:
    answer = await gateway.send("ghost,PHANTOM")
    assert (answer["result"], answer["code"], answer["data"]["errcode"]) == (False, 1306000, 81013)
    assert answer["message"].startswith(
        "WeChat message sending failed, invalid user: ghost|PHANTOM, user & party & tag all invalid"
    )
    assert reached(answer) == ([], ["ghost", "PHANTOM"], [])
    assert await sandbox.calls(SEND) == 1


async def test_a_failing_user_name_and_an_invalid_member_are_both_told(gateway: Gateway, sandbox: Sandbox) -> None:
    await sandbox.post("seed", seed(members=["lisi"]))
    answer = await gateway.send("", receiver__username="admin,nobody,lisi")
    assert reached(answer) == (["lisi"], ["admin", "nobody"], [])
    assert answer["message"].startswith("WeChat message sending failed, invalid user: admin")
    assert answer["data"]["username_check"] == {"invalid": ["nobody"]}


@pytest.mark.parametrize(
    ("follower", "errcode"),
    [
        (None, 40003),
        ({"subscribed": False}, 43004),
        ({"blacklisted": True}, 43019),
        ({"rejects": True}, 48002),
    ],
)
async def test_one_bad_openid_of_five_fails_alone(
    official: Gateway, sandbox: Sandbox, follower: dict[str, Any] | None, errcode: int
) -> None:
    bad = [] if follower is None else [{"openid": OPENIDS[2], **follower}]
    good = [openid for openid in OPENIDS if openid != OPENIDS[2]]
    await sandbox.post("seed", seed(openids=[*good, *bad]))
    answer = await official.send(OPENIDS)
    assert answer["message"].startswith("WeChat message sending failed")
    assert reached(answer) == (good, [OPENIDS[2]], [])
    assert answer["data"]["failed"][0]["errcode"] == errcode
    assert len(data_of(answer)["msgids"]) == 4
    assert await sandbox.calls(MP_SEND) == 5


async def test_wechats_words_are_passed_on_without_its_links(
    open_platform: OpenPlatform, platform: str, sandbox: Sandbox
) -> None:
    gateway = await open_platform(platform)
    text = "argument invalid! data.thing5.value invalid, more info at https://open.work.weixin.qq.com/devtool/query?e=1"
    await fault(sandbox, PATHS[platform][1], {"errcode": 47003, "errmsg": text})
    answer = await gateway.send(RECEIVERS[platform])
    words = "argument invalid! data.thing5.value invalid"
    assert (answer["code"], answer["message"]) == (1306000, f"WeChat message sending failed, {words}")
    assert (answer["data"]["errcode"], answer["data"]["errmsg"]) == (47003, words)
    assert failed(answer) == [(RECEIVERS[platform], 47003, words)]


async def test_an_errmsg_may_hold_braces_and_percent_signs(gateway: Gateway, sandbox: Sandbox) -> None:
    await fault(sandbox, SEND, {"errcode": 40058, "errmsg": "bad {field} %s {0}"})
    assert (await gateway.send())["message"] == "WeChat message sending failed, bad {field} %s {0}"


async def test_an_endless_errmsg_is_cut(gateway: Gateway, sandbox: Sandbox) -> None:
    await fault(sandbox, SEND, {"errcode": 40058, "errmsg": "x" * 5000})
    assert len((await gateway.send())["data"]["errmsg"]) <= 300


@pytest.mark.parametrize("receiver", ["zhangsan{x}", "{0}", "%s"])
async def test_a_receiver_may_hold_braces_and_percent_signs(gateway: Gateway, receiver: str) -> None:
    answer = await gateway.send(f"zhangsan,{receiver}")
    assert answer["message"] == f"WeChat message sending failed, invalid user: {receiver}"


async def test_a_template_that_refuses_a_value_is_told(official: Gateway, sandbox: Sandbox) -> None:
    await sandbox.post("seed", seed(openids=OPENIDS, keys={"keyword1": "thing"}))
    answer = await official.send(OPENIDS[0], data={**MESSAGE, "message": "字" * 21})
    assert answer["data"]["errcode"] == 47003
    assert "keyword1" in answer["message"]


@pytest.mark.parametrize(
    ("platform", "errcode", "shortest", "longest"),
    [("qy", 45009, 60, 60), ("qy", 45011, 60, 60), ("mp", 45011, 60, 60), ("mp", 45009, 1, 86400)],
    indirect=["platform"],
)
async def test_a_rate_limit_of_wechat_says_when_to_come_again(
    open_platform: OpenPlatform, platform: str, sandbox: Sandbox, errcode: int, shortest: float, longest: float
) -> None:
    gateway = await open_platform(platform)
    await fault(sandbox, PATHS[platform][1], {"errcode": errcode, "errmsg": "api freq out of limit"})
    answer = await gateway.send(RECEIVERS[platform])
    assert (answer["result"], answer["code"]) == (False, 1306429)
    assert answer["message"] == "WeChat message sending failed, api freq out of limit"
    assert answer["data"]["errcode"] == errcode
    assert shortest <= answer["data"]["retry_after"] <= longest
    assert failed(answer) == [(RECEIVERS[platform], errcode, "api freq out of limit")]


async def test_who_got_the_message_before_the_rate_limit_is_told(official: Gateway, sandbox: Sandbox) -> None:
    await sandbox.post("seed", seed(openids=OPENIDS, knobs={"mp.template_per_day": 3}))
    answer = await official.send(OPENIDS)
    assert answer["code"] == 1306429
    accepted, missed, unknown = reached(answer)
    assert (len(accepted), len(missed), unknown) == (3, 2, [])
    assert sorted(accepted + missed) == OPENIDS


# Tokens


async def test_20_cold_sends_at_once_fetch_one_token(
    open_platform: OpenPlatform, platform: str, sandbox: Sandbox
) -> None:
    gateway = await open_platform(platform)
    answers = await asyncio.gather(*(gateway.send(RECEIVERS[platform]) for _ in range(20)))
    assert [answer["code"] for answer in answers] == [0] * 20
    assert await sandbox.calls(PATHS[platform][0]) == 1
    assert len(await sandbox.messages()) == 20


@pytest.mark.parametrize("end", ["expire", "rotate"])
async def test_a_token_that_dies_is_fetched_again_and_the_message_sent_again_once(
    open_platform: OpenPlatform, platform: str, sandbox: Sandbox, end: str
) -> None:
    clock = Clock()
    gateway = await open_platform(platform, clock=clock)
    assert_sent(await gateway.send(RECEIVERS[platform]), RECEIVERS[platform])
    clock.advance(60)  # the refusal of a token that is seconds old may be WeChat's own delay
    await sandbox.post(f"tokens/{end}", {"app": APP[platform]})
    assert_sent(await gateway.send(RECEIVERS[platform]), RECEIVERS[platform])
    assert await sandbox.calls(PATHS[platform][0]) == 2
    assert await sandbox.calls(PATHS[platform][1]) == 3
    assert len(await sandbox.messages()) == 2


async def test_a_plain_token_interface_works_too(open_platform: OpenPlatform, sandbox: Sandbox) -> None:
    gateway = await open_platform("mp", wx_token_api="plain")
    assert_sent(await gateway.send(OPENID), OPENID)
    assert (await sandbox.calls("/cgi-bin/token"), await sandbox.calls(MP_TOKEN)) == (1, 0)


async def test_200_messages_under_way_when_the_token_dies_fetch_one_more_and_arrive_once(
    open_platform: OpenPlatform, sandbox: Sandbox
) -> None:
    gateway = await open_platform("qy", timeout=300, clock=Clock())
    await gateway.send()
    await sandbox.post("faults", {"match": {"path": SEND}, "action": {"latency_ms": 200_000}, "times": 200})
    names = [f"message {number}" for number in range(200)]
    sending = asyncio.gather(*(gateway.send(data={**MESSAGE, "message": name}) for name in names))

    async def dies() -> None:
        await sandbox.has_been_called(SEND, 201)
        await sandbox.post("tokens/rotate")

    answers = await late(200, sending, dies())
    assert [answer["code"] for answer in answers] == [0] * 200
    assert await sandbox.calls(TOKEN) == 2
    assert sorted(await texts(sandbox)) == sorted(f"H\n{name}\nDate: D" for name in [*names, "M"])


@pytest.mark.parametrize("errcode", [40014, 42001])
async def test_a_token_that_is_dead_for_ever_ends_after_the_second_send(
    open_platform: OpenPlatform, platform: str, sandbox: Sandbox, errcode: int
) -> None:
    gateway = await open_platform(platform, clock=Clock())
    await fault(sandbox, PATHS[platform][1], {"errcode": errcode, "errmsg": "access_token expired"})
    answer = await gateway.send(RECEIVERS[platform])
    assert answer["message"] == "WeChat message sending failed, access_token expired"
    assert answer["data"]["errcode"] == errcode
    assert failed(answer) == [(RECEIVERS[platform], errcode, "access_token expired")]
    assert await sandbox.calls(PATHS[platform][1]) == 2
    assert await sandbox.calls(PATHS[platform][0]) == 2


async def test_a_wecom_secret_reset_under_a_send_is_tried_once_more(
    open_platform: OpenPlatform, sandbox: Sandbox
) -> None:
    gateway = await open_platform("qy", clock=Clock())
    await fault(sandbox, SEND, {"errcode": 40001, "errmsg": "invalid credential"}, 1)
    assert_sent(await gateway.send(), "zhangsan")
    assert await sandbox.calls(TOKEN) == 2


@pytest.mark.parametrize(
    ("platform", "secret", "errcode", "words"),
    [
        ("qy", {"wx_qy_corpsecret": "a-wrong-secret"}, 40001, "invalid credential"),
        ("mp", {"wx_secret": "a-wrong-secret"}, 40125, "invalid appsecret"),
        ("qy", {"wx_qy_corpid": "ww0"}, 40013, "invalid corpid"),
        ("mp", {"wx_app_id": "wx0"}, 40013, "invalid appid"),
    ],
    indirect=["platform"],
)
async def test_a_credential_that_wechat_refuses_is_asked_about_once_a_minute_and_told_why(
    open_platform: OpenPlatform, platform: str, sandbox: Sandbox, secret: dict[str, str], errcode: int, words: str
) -> None:
    clock = Clock()
    gateway = await open_platform(platform, clock=clock, **secret)
    for seconds, fetched in [(0, 1), (59, 1), (1, 2)]:
        clock.advance(seconds)
        answers = await asyncio.gather(*(gateway.send(RECEIVERS[platform]) for _ in range(20)))
        assert await sandbox.calls(PATHS[platform][0]) == fetched
    assert all(answer["message"].startswith(f"WeChat message sending failed, {words}") for answer in answers)
    assert {answer["data"]["errcode"] for answer in answers} == {errcode}
    assert all(reached(answer) == ([], [RECEIVERS[platform]], []) for answer in answers)
    told = json.dumps(answers)
    assert "a-wrong-secret" not in told
    assert "http" not in told
    assert await sandbox.calls(PATHS[platform][1]) == 0


# WeChat out of order

SPOILT: dict[str, dict[str, Any]] = {
    "html": {"body": "<html>busy</html>", "content_type": "text/html"},
    "empty": {"body": ""},
    "half": {"body": '{"errcode":0,"err'},
    "list": {"body": "[]"},
    "null": {"body": "null"},
    "no errcode": {"body": "{}"},
    "errcode null": {"body": '{"errcode":null,"errmsg":"ok"}'},
    "errcode list": {"body": '{"errcode":[],"errmsg":"ok"}'},
    "errcode text": {"body": '{"errcode":"none","errmsg":"ok"}'},
    "errcode endless": {"body": '{"errcode":1e999,"errmsg":"ok"}'},
    "status 500": {"status": 500, "body": "<html>"},
    "reset": {"reset": "head"},
    "reset in the body": {"reset": "body"},
    "closed": {"close": True},
    "huge": {"huge": 10 * 2**20},
}
REFUSED: dict[str, dict[str, Any]] = {
    "status 404": {"status": 404, "body": ""},
    "redirect": {"redirect": "http://127.0.0.1:9/elsewhere"},
}


@pytest.mark.parametrize("key", [None, "k"])
@pytest.mark.parametrize(
    ("errcode", "errmsg", "accepted"), [("0", "ok", True), ("40058", "invalid", False), ("-1", "busy", False)]
)
async def test_an_errcode_that_is_a_number_in_quotes_is_that_number(
    open_platform: OpenPlatform,
    platform: str,
    sandbox: Sandbox,
    errcode: str,
    errmsg: str,
    accepted: bool,
    key: str | None,
) -> None:
    body = json.dumps({"errcode": errcode, "errmsg": errmsg, "msgid": 7})
    await fault(sandbox, PATHS[platform][1], {"body": body})
    gateway = await open_platform(platform, clock=Clock())
    more = {} if key is None else {"idempotency_key": key}
    answers = [await gateway.send(RECEIVERS[platform], **more) for _ in range(2)]
    for answer in answers:
        assert [answer["result"], reached(answer)[0]] == [accepted, [RECEIVERS[platform]] if accepted else []]
        in_doubt = errcode == "-1"
        assert [entry[1] for entry in failed(answer)] == ([] if accepted or in_doubt else [int(errcode)])
        assert answer["data"].get("errcode", 0) == int(errcode)
    kept = (accepted or in_doubt) and key is not None
    assert [answer["data"].get("replayed", False) for answer in answers] == [False, kept]


@pytest.mark.parametrize("kind", [*SPOILT, *REFUSED])
async def test_an_answer_to_a_send_that_cannot_be_read_leaves_open_who_got_it(
    open_platform: OpenPlatform, platform: str, sandbox: Sandbox, kind: str
) -> None:
    gateway = await open_platform(platform, clock=Clock())
    await fault(sandbox, PATHS[platform][1], {**SPOILT, **REFUSED}[kind])
    answer = await gateway.send(RECEIVERS[platform])
    assert (answer["result"], answer["code"]) == (False, 1306201)
    assert answer["message"].startswith(f"Component request third-party system [{SYSTEMS[platform]}] interface [send_")
    receiver = [RECEIVERS[platform]]
    assert reached(answer) == (([], receiver, []) if kind in REFUSED else ([], [], receiver))


@pytest.mark.parametrize("kind", [*SPOILT, *REFUSED])
async def test_an_answer_to_a_token_fetch_that_cannot_be_read_sends_nothing_and_is_not_remembered(
    open_platform: OpenPlatform, platform: str, sandbox: Sandbox, kind: str
) -> None:
    gateway = await open_platform(platform, clock=Clock())
    await fault(sandbox, PATHS[platform][0], {**SPOILT, **REFUSED}[kind])
    answer = await gateway.send(RECEIVERS[platform])
    assert (answer["result"], answer["code"]) == (False, 1306201)
    assert f"[{SYSTEMS[platform]}] interface [get_token] error: " in answer["message"]
    assert reached(answer) == ([], [RECEIVERS[platform]], [])
    assert await sandbox.calls(PATHS[platform][1]) == 0
    async with sandbox.http.delete(f"{sandbox.url}/_sandbox/faults"):
        pass
    assert_sent(await gateway.send(RECEIVERS[platform]), RECEIVERS[platform])


@pytest.mark.parametrize(
    "body",
    [
        {"errcode": 0, "errmsg": "ok"},
        {"errcode": 0, "access_token": "", "expires_in": 7200},
        {"errcode": 0, "access_token": None, "expires_in": 7200},
        {"errcode": 0, "access_token": "token", "expires_in": 0},
        {"errcode": 0, "access_token": "token", "expires_in": "soon"},
        {"errcode": 0, "access_token": ["token"], "expires_in": 7200},
    ],
)
async def test_a_token_that_is_none_is_not_used(gateway: Gateway, sandbox: Sandbox, body: dict[str, Any]) -> None:
    await fault(sandbox, TOKEN, {"body": json.dumps(body)})
    answer = await gateway.send()
    assert (answer["code"], reached(answer)) == (1306201, ([], ["zhangsan"], []))
    assert await sandbox.calls(SEND) == 0


async def test_a_token_of_any_characters_is_sent_as_it_is(open_gateway: OpenGateway, open_server: OpenServer) -> None:
    token = "a+b/c=d&e#f g%41é"
    seen: list[str] = []

    async def give(request: web.Request) -> web.Response:
        return web.json_response({"errcode": 0, "errmsg": "ok", "access_token": token, "expires_in": 7200})

    async def take(request: web.Request) -> web.Response:
        seen.append(request.query["access_token"])
        return web.json_response({"errcode": 0, "errmsg": "ok", "msgid": "1"})

    app = web.Application()
    app.router.add_get(TOKEN, give)
    app.router.add_post(SEND, take)
    gateway = await open_gateway(stanza(QY), sandbox_url=await open_server(app))
    assert_sent(await gateway.send(), "zhangsan")
    assert seen == [token]


@pytest.mark.parametrize("action", [{"hang": True}, {"slow": 1}], ids=["hang", "drip"])
@pytest.mark.parametrize("interface", [0, 1], ids=["token", "send"])
async def test_a_wechat_without_an_answer_is_told_at_the_deadline(
    open_platform: OpenPlatform, platform: str, sandbox: Sandbox, interface: int, action: dict[str, Any]
) -> None:
    gateway = await open_platform(platform, timeout=4)
    path = PATHS[platform][interface]
    await fault(sandbox, path, action)
    answer = await late(4, gateway.send(RECEIVERS[platform]), sandbox.has_been_called(path))
    assert (answer["result"], answer["code"]) == (False, 1306201)
    assert "error: Third-party system interface response time exceeds 4 seconds, please" in answer["message"]
    receiver = [RECEIVERS[platform]]
    assert reached(answer) == (([], receiver, []) if interface == 0 else ([], [], receiver))


async def test_at_the_deadline_everybody_is_accounted_for(open_platform: OpenPlatform, sandbox: Sandbox) -> None:
    openids = [f"o{number:027}" for number in range(40)]
    await sandbox.post("seed", seed(openids=openids))
    gateway = await open_platform("mp", timeout=8)
    for openid in openids[5:25]:
        await fault(sandbox, MP_SEND, {"hang": True}, match={"touser": openid})
    answer = await late(8, gateway.send(openids), sandbox.has_been_called(MP_SEND, 5 + 16))
    accepted, missed, unknown = reached(answer)
    assert answer["code"] == 1306201
    assert accepted == openids[:5]
    assert unknown == openids[5:21]  # 16 at once
    assert missed == openids[21:]
    assert {(errcode, errmsg) for _, errcode, errmsg in failed(answer)} == {
        (None, "Third-party system interface response time exceeds 8 seconds")
    }
    assert len(data_of(answer)["msgids"]) == 5


async def test_a_hanging_token_fetch_does_not_hold_who_has_another_app(
    open_platform: OpenPlatform, sandbox: Sandbox
) -> None:
    await sandbox.post("seed", seed())
    gateway = await open_platform("qy", timeout=5)
    await fault(sandbox, TOKEN, {"hang": True}, 1)
    hanging = asyncio.ensure_future(gateway.send())
    await sandbox.has_been_called(TOKEN)
    assert_sent(await gateway.send(wx_qy_agentid=1000003, wx_qy_corpsecret="second-secret"), "zhangsan")
    assert not hanging.done()
    assert (await late(5, hanging, turns()))["code"] == 1306201


async def test_the_caller_reads_its_own_spelling_in_every_failure(gateway: Gateway, sandbox: Sandbox) -> None:
    await fault(sandbox, SEND, {"status": 500})
    assert reached(await gateway.send("ZhangSan,LISI"))[2] == ["ZhangSan", "LISI"]
    assert reached(await gateway.send("", receiver__username="admin"))[2] == ["admin"]
    assert reached(await gateway.send("", receiver__username="admin,nobody")) == ([], ["nobody"], ["admin"])


async def test_no_failure_repeats_what_the_caller_wrote(
    open_platform: OpenPlatform, platform: str, sandbox: Sandbox
) -> None:
    gateway = await open_platform(platform)
    await fault(sandbox, PATHS[platform][1], {"errcode": 40058, "errmsg": "invalid Request Parameter"})
    answer = await gateway.send(RECEIVERS[platform], data={"heading": "PRIVATE", "message": "PRIVATE"})
    assert "PRIVATE" not in json.dumps(answer)


async def test_the_request_id_and_the_language_travel_to_wechat_and_nothing_else_of_the_caller(
    open_gateway: OpenGateway, open_server: OpenServer
) -> None:
    seen: list[dict[str, str]] = []

    async def take(request: web.Request) -> web.Response:
        seen.append({name.lower(): value for name, value in request.headers.items()})
        return web.json_response({"errcode": 0, "errmsg": "ok", "access_token": "token", "expires_in": 7200})

    app = web.Application()
    app.router.add_route("*", "/{path:.*}", take)
    gateway = await open_gateway(stanza(QY), sandbox_url=await open_server(app))
    caller = {"X-Bkapi-Request-Id": "a" * 32, "Blueking-Language": "en", "Cookie": "bk_token=x", "X-Own": "1"}
    await gateway.post({**DEMO, "receiver": "zhangsan", "data": MESSAGE}, headers=caller)
    assert len(seen) == 2
    for headers in seen:
        assert (headers["x-bkapi-request-id"], headers["blueking-language"]) == ("a" * 32, "en")
        assert not {"cookie", "x-own", "authorization", "x-bkapi-authorization"} & set(headers)

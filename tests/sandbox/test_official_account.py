"""The official account's endpoints: order of checks, messages, quotas and deduplication."""

import json
from typing import Any

import pytest

from tests.support.wechat_client import APPID, BIZSEND, CUSTOM_SEND, MP_SECRET, OPENID, TEMPLATE, TEMPLATE_SEND, WeChat


def account(**changes: object) -> dict[str, Any]:
    return {"appid": APPID, "secret": MP_SECRET, "openids": [OPENID], "templates": {TEMPLATE: {}}, **changes}


@pytest.mark.parametrize(
    ("changes", "errcode"),
    [
        ({"appid": "wx9", "grant_type": "", "secret": "wrong"}, 40013),
        ({"grant_type": "password", "secret": "wrong"}, 40002),
        ({"secret": "wrong"}, 40125),
        ({"secret": ""}, 40125),
        ({"appid": ""}, 40013),
    ],
)
async def test_token_checks_appid_then_grant_type_then_secret(
    wechat: WeChat, changes: dict[str, str], errcode: int
) -> None:
    assert (await wechat.fetch_plain(**changes))["errcode"] == errcode
    assert (await wechat.fetch_stable(**changes))["errcode"] == errcode


async def test_a_token_call_without_arguments_misses_the_appid(wechat: WeChat) -> None:
    assert (await wechat.call("GET", "/cgi-bin/token"))["errcode"] == 41002


async def test_a_token_call_without_secret_misses_it(wechat: WeChat) -> None:
    query = {"grant_type": "client_credential", "appid": APPID}

    assert (await wechat.call("GET", "/cgi-bin/token", params=query))["errcode"] == 41004


async def test_stable_token_wants_a_json_object_by_post(wechat: WeChat) -> None:
    assert (await wechat.call("GET", "/cgi-bin/stable_token"))["errcode"] == 43002
    assert (await wechat.call("POST", "/cgi-bin/stable_token", data=b"{"))["errcode"] == 47001
    assert (await wechat.call("POST", "/cgi-bin/stable_token", data=b"[]"))["errcode"] == 47001


async def test_an_address_outside_the_whitelist_is_told_before_anything_else(wechat: WeChat) -> None:
    await wechat.seed(mp=[account(ip_whitelist=["10.0.0.1"])])
    reply = await wechat.fetch_plain(secret="wrong")

    assert reply["errcode"] == 40164
    assert reply["errmsg"].startswith("invalid ip 127.0.0.1 ipv6 ::ffff:127.0.0.1, not in whitelist rid: ")


async def test_a_frozen_secret_gets_no_token(wechat: WeChat) -> None:
    await wechat.seed(mp=[account(frozen=True)])

    assert (await wechat.fetch_stable())["errcode"] == 40243


async def test_the_daily_number_of_tokens_can_be_limited(wechat: WeChat) -> None:
    await wechat.turn(mp_token_per_day=2)
    assert ["errcode" in await wechat.fetch_plain() for _ in range(3)] == [False, False, True]
    assert "access_token" in await wechat.fetch_stable()

    wechat.clock.now += 86400
    assert "access_token" in await wechat.fetch_plain()


async def test_a_template_message_is_delivered_with_a_msgid_beyond_double_precision(wechat: WeChat) -> None:
    reply = await wechat.template(await wechat.stable_token())

    assert (reply["errcode"], reply["errmsg"]) == (0, "ok")
    assert isinstance(reply["msgid"], int)
    assert reply["msgid"] > 2**53
    [message] = await wechat.messages()
    assert (message["platform"], message["app"], message["endpoint"]) == ("mp", APPID, TEMPLATE_SEND)
    assert (message["text"], message["delivered"], message["reply"]) == ("你好", [OPENID], reply)


async def test_every_msgid_is_another(wechat: WeChat) -> None:
    token = await wechat.stable_token()

    assert len({(await wechat.template(token))["msgid"] for _ in range(3)}) == 3


async def test_answers_carry_the_headers_of_the_official_account(wechat: WeChat) -> None:
    response = await wechat.raw("GET", "/cgi-bin/token")

    assert response.headers["Content-Type"] == "application/json; encoding=utf-8"
    assert "error-code" not in response.headers


@pytest.mark.parametrize("path", [TEMPLATE_SEND, BIZSEND, CUSTOM_SEND, "/cgi-bin/clear_quota"])
async def test_method_then_token_then_body_are_checked_first(wechat: WeChat, path: str) -> None:
    good = {"access_token": await wechat.stable_token()}

    assert (await wechat.call("GET", path))["errcode"] == 43002
    assert (await wechat.call("POST", path, data=b"{"))["errcode"] == 41001
    assert (await wechat.call("POST", path, data=b"{", params={"access_token": "no"}))["errcode"] == 40001
    assert (await wechat.call("POST", path, params=good))["errcode"] == 44002
    assert (await wechat.call("POST", path, data=b"{", params=good))["errcode"] == 47001
    assert (await wechat.call("POST", path, data=b"[1]", params=good))["errcode"] == 47001


@pytest.mark.parametrize("touser", ["oB", "", None, 7, ["o"]])
async def test_an_unknown_openid_is_refused_before_the_template(wechat: WeChat, touser: object) -> None:
    assert (await wechat.template(await wechat.stable_token(), touser=touser, template_id="no"))["errcode"] == 40003


@pytest.mark.parametrize(
    ("follower", "errcode"),
    [({"subscribed": False}, 43004), ({"blacklisted": True}, 43019), ({"rejects": True}, 48002)],
)
async def test_a_follower_who_cannot_be_reached_is_told(
    wechat: WeChat, follower: dict[str, bool], errcode: int
) -> None:
    await wechat.seed(mp=[account(openids=[{"openid": OPENID, **follower}])])

    assert (await wechat.template(await wechat.stable_token()))["errcode"] == errcode


@pytest.mark.parametrize(("template_id", "errcode"), [(None, 40036), ("", 40036), ("no", 40037), ("B", 43116)])
async def test_a_template_must_be_known_and_not_banned(wechat: WeChat, template_id: str | None, errcode: int) -> None:
    await wechat.seed(mp=[account(banned_templates=["B"])])

    assert (await wechat.template(await wechat.stable_token(), template_id=template_id, data=1))["errcode"] == errcode


@pytest.mark.parametrize("data", [None, [], "text"])
async def test_data_must_be_an_object(wechat: WeChat, data: object) -> None:
    reply = await wechat.template(await wechat.stable_token(), data=data)

    assert reply["errcode"] == 47003
    assert reply["errmsg"].startswith("argument invalid! data invalid")


@pytest.mark.parametrize(
    ("kind", "fitting", "failing"),
    [
        ("thing", "事" * 20, "事" * 21),
        ("character_string", "A" * 32, "编号1"),
        ("character_string", "no-1", "A" * 33),
        ("time", "2027-01-15 16:00~17:30", "明天下午"),
        ("amount", "¥100.50", "一百"),
        ("phone_number", "+86-13800000000", "1" * 18),
        ("car_number", "粤A8Z888挂", "粤A8Z888挂9"),
        ("const", "已完成", "长" * 21),
        ("phrase", "待审核", ""),
    ],
)
async def test_a_typed_key_takes_what_its_type_allows(wechat: WeChat, kind: str, fitting: str, failing: str) -> None:
    await wechat.seed(mp=[account(templates={TEMPLATE: {"key5": kind}})])
    token = await wechat.stable_token()

    assert (await wechat.template(token, data={"key5": {"value": fitting}}))["errcode"] == 0
    refused = await wechat.template(token, data={"key5": {"value": failing}})
    assert refused["errcode"] == 47003
    assert refused["errmsg"].startswith("argument invalid! data.key5.value invalid")


@pytest.mark.parametrize("data", [{}, {"thing5": "text"}, {"thing5": {}}, {"thing5": {"value": ""}}])
async def test_a_typed_key_must_be_there(wechat: WeChat, data: object) -> None:
    await wechat.seed(mp=[account(templates={TEMPLATE: {"thing5": "thing"}})])

    assert (await wechat.template(await wechat.stable_token(), data=data))["errcode"] == 47003


async def test_an_untyped_template_takes_any_key(wechat: WeChat) -> None:
    data = {"first": {"value": "标题"}, "any": {"value": 3}, "remark": {"value": "x" * 500, "color": "#f00"}}

    assert (await wechat.template(await wechat.stable_token(), data=data))["errcode"] == 0


async def test_the_text_is_what_was_sent_or_what_a_phone_shows(wechat: WeChat) -> None:
    data = {"first": {"value": "标题"}, "keyword1": {"value": "一\n二😀" + "字" * 30}, "remark": {"value": "尾"}}
    token = await wechat.stable_token()
    await wechat.template(token, data=data)
    await wechat.turn(mp_template_text="shown")
    await wechat.template(token, data=data)

    full, shown = await wechat.messages()
    assert full["text"] == "标题\n一\n二😀" + "字" * 30 + "\n尾"
    assert shown["text"] == "一二" + "字" * 18


async def test_the_same_client_msg_id_is_delivered_once_in_ten_minutes(wechat: WeChat) -> None:
    token = await wechat.stable_token()
    first = await wechat.template(token, client_msg_id="m1")
    wechat.clock.now += 599
    assert await wechat.template(token, client_msg_id="m1") == first

    original, repeat = await wechat.messages()
    assert (original["delivered"], original["duplicate_of"]) == ([OPENID], None)
    assert (repeat["delivered"], repeat["dropped"], repeat["duplicate_of"]) == ([], [], original["id"])

    wechat.clock.now += 1
    assert (await wechat.template(token, client_msg_id="m1"))["msgid"] != first["msgid"]
    assert (await wechat.messages())[-1]["delivered"] == [OPENID]


async def test_another_client_msg_id_or_openid_is_another_message(wechat: WeChat) -> None:
    await wechat.seed(mp=[account(openids=["a", "b"])])
    token = await wechat.stable_token()
    for touser, client_msg_id in (("a", "1"), ("b", "1"), ("a", "2"), ("a", None), ("a", None)):
        await wechat.template(token, touser=touser, client_msg_id=client_msg_id)

    assert [message["duplicate_of"] for message in await wechat.messages()] == [None] * 5


async def test_the_errcode_of_a_duplicate_is_a_knob(wechat: WeChat) -> None:
    await wechat.turn(mp_duplicate_errcode=43108)
    token = await wechat.stable_token()
    await wechat.template(token, client_msg_id="m1")

    assert (await wechat.template(token, client_msg_id="m1"))["errcode"] == 43108
    assert [message["duplicate_of"] for message in await wechat.messages()] == [None, 1]


async def test_template_messages_can_be_limited_by_day(wechat: WeChat) -> None:
    await wechat.turn(mp_template_per_day=1)
    token = await wechat.stable_token()
    assert (await wechat.template(token))["errcode"] == 0
    assert (await wechat.template(token))["errcode"] == 45009
    assert (await wechat.custom(token))["errcode"] == 0

    wechat.clock.now += 86400
    assert (await wechat.template(await wechat.stable_token()))["errcode"] == 0


async def test_daily_quotas_start_anew_at_midnight_in_beijing(wechat: WeChat) -> None:
    await wechat.turn(mp_template_per_day=1)
    wechat.clock.now = 28_799  # 2027-01-15 23:59:59 there
    token = await wechat.stable_token()
    await wechat.template(token)
    assert (await wechat.template(token))["errcode"] == 45009

    wechat.clock.now += 1
    assert (await wechat.template(token))["errcode"] == 0


async def test_messages_can_be_limited_by_minute(wechat: WeChat) -> None:
    await wechat.turn(mp_per_minute=2)
    token = await wechat.stable_token()
    assert [(await wechat.custom(token))["errcode"] for _ in range(3)] == [0, 0, 45011]

    wechat.clock.now += 60
    assert (await wechat.custom(token))["errcode"] == 0


async def test_clear_quota_starts_the_day_anew_a_few_times_a_month(wechat: WeChat) -> None:
    await wechat.turn(mp_custom_per_day=1, mp_clear_quota_per_month=1)
    token = await wechat.stable_token()
    await wechat.custom(token)
    assert (await wechat.custom(token))["errcode"] == 45009

    assert (await wechat.mp("/cgi-bin/clear_quota", token, appid="wx9"))["errcode"] == 40013
    assert (await wechat.mp("/cgi-bin/clear_quota", token, appid=APPID)) == {"errcode": 0, "errmsg": "ok"}
    assert (await wechat.custom(token))["errcode"] == 0
    assert (await wechat.mp("/cgi-bin/clear_quota", token, appid=APPID))["errcode"] == 48006


async def test_a_subscription_notice_needs_no_grant_where_none_are_counted(wechat: WeChat) -> None:
    token = await wechat.stable_token()
    reply = await wechat.mp(BIZSEND, token, touser=OPENID, template_id=TEMPLATE, data={"thing1": {"value": "课程"}})

    assert reply == {"errcode": 0, "errmsg": "ok"}
    assert (await wechat.messages())[0]["text"] == "课程"


async def test_each_subscription_notice_uses_up_one_grant(wechat: WeChat) -> None:
    await wechat.seed(mp=[account(openids=[{"openid": OPENID, "grants": {TEMPLATE: 1}}])])
    token = await wechat.stable_token()
    codes = [
        (await wechat.mp(BIZSEND, token, touser=OPENID, template_id=template_id, data={}))["errcode"]
        for template_id in (TEMPLATE, TEMPLATE, "no")
    ]

    assert codes == [0, 43101, 43101]


async def test_a_customer_service_message_has_no_msgid(wechat: WeChat) -> None:
    assert await wechat.custom(await wechat.stable_token(), "有事") == {"errcode": 0, "errmsg": "ok"}
    assert (await wechat.messages())[0]["text"] == "有事"


async def test_the_service_window_closes_by_time_and_by_count(wechat: WeChat) -> None:
    follower = {"openid": OPENID, "service_messages": 1, "service_window_s": 172800}
    await wechat.seed(mp=[account(openids=[follower])])
    token = await wechat.stable_token()
    assert [(await wechat.custom(token))["errcode"] for _ in range(2)] == [0, 45047]

    wechat.clock.now += 172800
    assert (await wechat.custom(await wechat.stable_token()))["errcode"] == 45015


@pytest.mark.parametrize(
    ("changes", "errcode"),
    [
        ({"msgtype": "smoke"}, 40008),
        ({"msgtype": None}, 40008),
        ({"text": None}, 44004),
        ({"text": {"content": ""}}, 44004),
        ({"text": {"content": "字" * 683}}, 45002),
        ({"text": {"content": "字" * 682}}, 0),
        ({"msgtype": "image", "image": {"media_id": "m"}}, 0),
        ({"msgtype": "image", "image": {}}, 44004),
        ({"msgtype": "news", "news": {"articles": [{"title": "t"}]}}, 0),
    ],
)
async def test_the_content_of_a_customer_service_message_is_checked(
    wechat: WeChat, changes: dict[str, object], errcode: int
) -> None:
    body = {"touser": OPENID, "msgtype": "text", "text": {"content": "x"}, **changes}

    assert (await wechat.mp(CUSTOM_SEND, await wechat.stable_token(), **body))["errcode"] == errcode


async def test_a_refusal_ends_in_a_request_id(wechat: WeChat) -> None:
    reply = await wechat.fetch_plain(appid="wx9")

    head, _, tail = reply["errmsg"].partition(" rid: ")
    assert head == "invalid appid"
    assert [len(part) for part in tail.split("-")] == [8, 8, 8]


async def test_the_tail_of_refusals_is_a_knob(wechat: WeChat) -> None:
    await wechat.turn(mp_errmsg_tail="hint")
    assert " hint: [" in (await wechat.fetch_plain(appid="wx9"))["errmsg"]

    await wechat.turn(mp_errmsg_tail="none")
    assert (await wechat.fetch_plain(appid="wx9"))["errmsg"] == "invalid appid"


@pytest.mark.parametrize("content_type", ["text/plain", "application/x-www-form-urlencoded", ""])
async def test_the_content_type_of_a_request_does_not_matter(wechat: WeChat, content_type: str) -> None:
    body = {"touser": OPENID, "template_id": TEMPLATE, "data": {"k": {"value": "你好"}}}
    reply = await wechat.call(
        "POST",
        TEMPLATE_SEND,
        params={"access_token": await wechat.stable_token()},
        data=json.dumps(body).encode(),
        headers={"Content-Type": content_type},
    )

    assert reply["errcode"] == 0
    assert (await wechat.messages())[0]["text"] == "你好"


async def test_unknown_fields_are_ignored(wechat: WeChat) -> None:
    reply = await wechat.template(await wechat.stable_token(), url="https://example.com", topcolor="#FF0000", extra=[1])

    assert reply["errcode"] == 0

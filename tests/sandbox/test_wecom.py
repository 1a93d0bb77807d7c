"""WeCom's endpoints: gettoken, app messages to many receivers, and looking up people."""

import re
from typing import Any

import pytest

from tests.support.wechat_client import AGENTID, CORP_SECRET, CORPID, MESSAGE_SEND, QY_APP, WeChat

USER_GET = "/cgi-bin/user/get"
GETUSERID = "/cgi-bin/user/getuserid"
BY_EMAIL = "/cgi-bin/user/get_userid_by_email"


def corporation(**changes: object) -> dict[str, Any]:
    app = {"agentid": AGENTID, "secret": CORP_SECRET}
    return {"corpid": CORPID, "members": ["zhangsan", "lisi", "wangwu"], "apps": [app], **changes}


@pytest.mark.parametrize(
    ("query", "errcode"),
    [
        ({}, 41004),
        ({"corpid": CORPID}, 41004),
        ({"corpid": CORPID, "corpsecret": ""}, 41004),
        ({"corpsecret": CORP_SECRET}, 40013),
        ({"corpid": "ww9", "corpsecret": "wrong"}, 40013),
        ({"corpid": CORPID, "corpsecret": "wrong"}, 40001),
    ],
)
async def test_gettoken_checks_for_a_secret_then_corpid_then_the_secret(
    wechat: WeChat, query: dict[str, str], errcode: int
) -> None:
    assert (await wechat.call("GET", "/cgi-bin/gettoken", params=query))["errcode"] == errcode


async def test_a_disabled_app_gets_no_token(wechat: WeChat) -> None:
    await wechat.seed(qy=[corporation(apps=[{"agentid": AGENTID, "secret": CORP_SECRET, "enabled": False}])])

    assert (await wechat.fetch_wecom())["errcode"] == 50003


async def test_too_many_wrong_secrets_ban_the_address_for_an_hour(wechat: WeChat) -> None:
    await wechat.turn(qy_bad_secret_ban_after=3)
    for _ in range(2):
        await wechat.fetch_wecom(corpsecret="wrong")
    assert (await wechat.fetch_wecom())["errcode"] == 0

    await wechat.fetch_wecom(corpsecret="wrong")
    wechat.clock.now += 3599
    assert (await wechat.fetch_wecom())["errcode"] == 45009
    wechat.clock.now += 1
    assert (await wechat.fetch_wecom())["errcode"] == 0


async def test_wrong_secrets_more_than_an_hour_ago_do_not_count(wechat: WeChat) -> None:
    await wechat.turn(qy_bad_secret_ban_after=2)
    await wechat.fetch_wecom(corpsecret="wrong")
    wechat.clock.now += 3600
    await wechat.fetch_wecom(corpsecret="wrong")

    assert (await wechat.fetch_wecom())["errcode"] == 0


async def test_a_text_reaches_every_named_member_in_one_call(wechat: WeChat) -> None:
    reply = await wechat.send(await wechat.wecom_token(), touser="zhangsan|lisi|wangwu")

    assert reply == {"errcode": 0, "errmsg": "ok", "msgid": reply["msgid"]}
    assert isinstance(reply["msgid"], str)
    [message] = await wechat.messages()
    assert (message["platform"], message["app"], message["endpoint"]) == ("qy", QY_APP, MESSAGE_SEND)
    assert message["delivered"] == ["zhangsan", "lisi", "wangwu"]
    assert (message["text"], message["reply"]) == ("你好", reply)


async def test_answers_carry_the_headers_of_wecom(wechat: WeChat) -> None:
    token = await wechat.wecom_token()
    fine = await wechat.raw("GET", USER_GET, params={"access_token": token, "userid": "lisi"})
    refused = await wechat.raw("GET", USER_GET)

    assert fine.headers["Content-Type"] == "application/json; charset=UTF-8"
    assert (fine.headers["error-code"], fine.headers["error-msg"]) == ("0", "ok")
    assert refused.headers["error-code"] == "41001"
    assert refused.headers["error-msg"].startswith("access_token missing")


async def test_a_refusal_names_hint_address_and_link(wechat: WeChat) -> None:
    errmsg = (await wechat.fetch_wecom(corpid="ww9"))["errmsg"]

    link = re.escape("https://open.work.weixin.qq.com/devtool/query?e=40013")
    assert re.fullmatch(rf"invalid corpid, hint: \[\d{{22}}\], from ip: 127\.0\.0\.1, more info at {link}", errmsg)


async def test_the_refusal_of_a_token_has_no_hint(wechat: WeChat) -> None:
    errmsg = (await wechat.send("no"))["errmsg"]

    assert errmsg.startswith("invalid access_token, from ip: 127.0.0.1, more info at ")


async def test_the_token_is_checked_first(wechat: WeChat) -> None:
    assert (await wechat.call("POST", MESSAGE_SEND, data=b"{"))["errcode"] == 41001
    assert (await wechat.call("POST", MESSAGE_SEND, data=b"{", params={"access_token": "no"}))["errcode"] == 40014


async def test_an_untrusted_address_is_told_before_the_body_is_read(wechat: WeChat) -> None:
    app = {"agentid": AGENTID, "secret": CORP_SECRET, "trusted_ips": ["10.0.0.1"]}
    await wechat.seed(qy=[corporation(apps=[app])])
    token = await wechat.wecom_token()

    reply = await wechat.call("POST", MESSAGE_SEND, data=b"{", params={"access_token": token})
    assert reply["errcode"] == 60020
    assert "from ip: 127.0.0.1" in reply["errmsg"]


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"null"])
async def test_a_body_that_is_no_object_is_an_invalid_parameter(wechat: WeChat, body: bytes) -> None:
    token = await wechat.wecom_token()

    assert (await wechat.call("POST", MESSAGE_SEND, data=body, params={"access_token": token}))["errcode"] == 40058


async def test_a_get_is_an_invalid_parameter(wechat: WeChat) -> None:
    token = await wechat.wecom_token()

    reply = await wechat.call("GET", MESSAGE_SEND, {"agentid": AGENTID}, params={"access_token": token})
    assert reply["errcode"] == 40058


@pytest.mark.parametrize(
    ("agentid", "errcode"), [(None, 41011), ("one", 40056), ([], 40056), (7, 40056), (2, 301002), (str(AGENTID), 0)]
)
async def test_the_agentid_must_be_that_of_the_token(wechat: WeChat, agentid: object, errcode: int) -> None:
    apps = [{"agentid": AGENTID, "secret": CORP_SECRET}, {"agentid": 2, "secret": "second"}]
    await wechat.seed(qy=[corporation(apps=apps)])

    assert (await wechat.send(await wechat.wecom_token(), agentid=agentid))["errcode"] == errcode


async def test_an_agentid_beyond_all_numbers_is_invalid(wechat: WeChat) -> None:
    query = {"access_token": await wechat.wecom_token()}

    for agentid in (b"1e999", b"-1", b"123456789012345678901234567890", b"true"):
        body = b'{"agentid":' + agentid + b',"touser":"lisi","msgtype":"text","text":{"content":"x"}}'
        assert (await wechat.call("POST", MESSAGE_SEND, data=body, params=query))["errcode"] in (40056, 40058)


async def test_the_agentid_is_checked_before_msgtype_content_and_receivers(wechat: WeChat) -> None:
    token = await wechat.wecom_token()
    bad = {"agentid": 7, "msgtype": "smoke", "touser": None, "text": None}
    codes = []
    for fixed in ({}, {"agentid": AGENTID}, {"msgtype": "text"}, {"text": {"content": "x"}}, {"touser": "lisi"}):
        bad.update(fixed)
        codes.append((await wechat.send(token, **bad))["errcode"])

    assert codes == [40056, 40008, 44004, 82001, 0]


@pytest.mark.parametrize(
    ("changes", "errcode"),
    [
        ({"touser": None}, 82001),
        ({"touser": "", "toparty": " ", "totag": "|"}, 82001),
        ({"touser": "|".join(f"u{number}" for number in range(1001))}, 40032),
        ({"toparty": "|".join(map(str, range(101)))}, 82002),
        ({"totag": "|".join(map(str, range(101)))}, 82003),
        ({"touser": "nobody"}, 81013),
        ({"touser": None, "toparty": "9", "totag": "9"}, 81013),
    ],
)
async def test_receivers_must_be_named_few_enough_and_somebody_valid(
    wechat: WeChat, changes: dict[str, object], errcode: int
) -> None:
    assert (await wechat.send(await wechat.wecom_token(), **changes))["errcode"] == errcode
    assert await wechat.messages() == []


async def test_a_thousand_receivers_are_not_too_many(wechat: WeChat) -> None:
    members = [f"u{number}" for number in range(1000)]
    await wechat.seed(qy=[corporation(members=members)])

    assert (await wechat.send(await wechat.wecom_token(), touser="|".join(members)))["errcode"] == 0
    assert len((await wechat.messages())[0]["delivered"]) == 1000


async def test_invalid_receivers_are_named_in_lower_case_and_the_rest_is_sent(wechat: WeChat) -> None:
    reply = await wechat.send(
        await wechat.wecom_token(), touser="ZhangSan| NoBody |lisi|NOBODY", toparty="1|8", totag="9"
    )

    assert (reply["errcode"], reply["invaliduser"]) == (0, "nobody")
    assert (reply["invalidparty"], reply["invalidtag"]) == ("8", "9")
    [message] = await wechat.messages()
    assert message["delivered"] == ["zhangsan", "lisi", "wangwu"]
    assert message["invalid"] == ["nobody", "8", "9"]


async def test_when_all_are_invalid_they_are_named_too(wechat: WeChat) -> None:
    reply = await wechat.send(await wechat.wecom_token(), touser="A|B")

    assert (reply["errcode"], reply["invaliduser"]) == (81013, "a|b")


async def test_the_invalid_fields_may_be_empty_instead_of_absent(wechat: WeChat) -> None:
    await wechat.turn(qy_invalid_fields="empty")
    reply = await wechat.send(await wechat.wecom_token())

    assert (reply["invaliduser"], reply["invalidparty"], reply["invalidtag"]) == ("", "", "")


async def test_members_without_licence_are_told_apart(wechat: WeChat) -> None:
    await wechat.seed(qy=[corporation(members=["lisi", {"userid": "WangWu", "licensed": False}])])
    reply = await wechat.send(await wechat.wecom_token(), touser="lisi|WangWu")

    assert (reply["errcode"], reply["unlicenseduser"]) == (0, "wangwu")
    assert "invaliduser" not in reply


@pytest.mark.parametrize("status", [2, 4, 5])
async def test_members_who_are_not_active_are_invalid(wechat: WeChat, status: int) -> None:
    await wechat.seed(qy=[corporation(members=["lisi", {"userid": "gone", "status": status}])])

    assert (await wechat.send(await wechat.wecom_token(), touser="lisi|gone"))["invaliduser"] == "gone"


async def test_members_outside_the_visible_range_are_invalid(wechat: WeChat) -> None:
    app = {"agentid": AGENTID, "secret": CORP_SECRET, "visible": ["LiSi"]}
    await wechat.seed(qy=[corporation(apps=[app])])

    assert (await wechat.send(await wechat.wecom_token(), touser="lisi|zhangsan"))["invaliduser"] == "zhangsan"


async def test_at_all_reaches_everybody_and_the_other_receivers_do_not_count(wechat: WeChat) -> None:
    reply = await wechat.send(await wechat.wecom_token(), touser="@all", toparty="9")

    assert "invalidparty" not in reply
    assert (await wechat.messages())[0]["delivered"] == ["zhangsan", "lisi", "wangwu"]


async def test_parties_and_tags_reach_their_members_once(wechat: WeChat) -> None:
    members = [{"userid": "a", "departments": [2]}, {"userid": "b", "departments": [2, 3]}, "c"]
    await wechat.seed(qy=[corporation(members=members, departments=[4], tags={"7": ["B", "c", "nobody"]})])
    reply = await wechat.send(await wechat.wecom_token(), touser="a", toparty=" 2 | 4", totag="7")

    assert "invalidparty" not in reply
    assert (await wechat.messages())[0]["delivered"] == ["a", "b", "c"]


async def test_a_list_of_receivers_is_misread_with_a_warning(wechat: WeChat) -> None:
    token = await wechat.wecom_token()
    reply = await wechat.send(token, touser=["zhangsan"])

    assert (reply["errcode"], reply["errmsg"]) == (0, "ok. Warning: wrong json format. ")
    assert (await wechat.messages())[0]["delivered"] == []
    await wechat.send(token, touser=["zhangsan"], toparty="1")
    assert (await wechat.messages())[1]["delivered"] == ["zhangsan", "lisi", "wangwu"]


async def test_a_number_is_a_receiver_too(wechat: WeChat) -> None:
    await wechat.seed(qy=[corporation(members=["10001"])])

    assert (await wechat.send(await wechat.wecom_token(), touser=10001))["errcode"] == 0


async def test_text_over_2048_bytes_is_cut_at_a_character(wechat: WeChat) -> None:
    reply = await wechat.send(await wechat.wecom_token(), text={"content": "字" * 1000})

    assert reply["errcode"] == 0
    assert (await wechat.messages())[0]["text"] == "字" * 682


@pytest.mark.parametrize("kind", ["text", "markdown"])
async def test_long_content_is_refused_if_the_knob_says_so(wechat: WeChat, kind: str) -> None:
    await wechat.turn(qy_text_over="40058", qy_markdown_over="40058")
    token = await wechat.wecom_token()
    reply = await wechat.send(token, msgtype=kind, **{kind: {"content": "字" * 683}})

    assert reply["errcode"] == 40058
    assert reply["errmsg"].startswith(f"{kind}.content exceed max length 2048")
    assert (await wechat.send(token, msgtype=kind, **{kind: {"content": "x" * 2048}}))["errcode"] == 0


ARTICLE = {"title": "标题", "url": "https://example.com"}
CARD = {"card_type": "text_notice", "main_title": {"title": "卡"}, "card_action": {"type": 1, "url": "https://x"}}
TEXTCARD = {"title": "标" * 129, "description": "述" * 513, "url": "https://example.com"}


@pytest.mark.parametrize(
    ("kind", "payload", "text"),
    [
        ("markdown", {"content": "**粗**"}, "**粗**"),
        ("textcard", TEXTCARD, "标" * 128 + "\n" + "述" * 512),
        ("news", {"articles": [ARTICLE, ARTICLE]}, "标题\n标题"),
        ("mpnews", {"articles": [{"title": "标题", "content": "<p>"}]}, "标题"),
        ("image", {"media_id": "m"}, ""),
        ("voice", {"media_id": "m"}, ""),
        ("video", {"media_id": "m"}, ""),
        ("file", {"media_id": "m"}, ""),
        ("miniprogram_notice", {"appid": "wx1", "title": "小程序"}, "小程序"),
        ("template_card", {**CARD, "sub_title_text": "副"}, "卡\n副"),
    ],
)
async def test_every_kind_of_message_is_taken(wechat: WeChat, kind: str, payload: object, text: str) -> None:
    reply = await wechat.send(await wechat.wecom_token(), msgtype=kind, text={"content": ""}, **{kind: payload})

    assert reply["errcode"] == 0
    assert "response_code" not in reply
    assert (await wechat.messages())[0]["text"] == text


@pytest.mark.parametrize(
    ("kind", "payload", "errcode"),
    [
        ("text", {"content": ""}, 44004),
        ("text", {"content": 5}, 44004),
        ("text", "hello", 44004),
        ("markdown", {}, 44004),
        ("image", {}, 40007),
        ("file", {"media_id": ""}, 40007),
        ("textcard", {"title": "t", "url": "https://x"}, 44004),
        ("textcard", {"title": "t", "description": "d", "url": "example.com"}, 40058),
        ("news", {"articles": []}, 44004),
        ("news", {"articles": ["text"]}, 44004),
        ("news", {"articles": [ARTICLE] * 9}, 45008),
        ("mpnews", {"articles": [{"title": "t", "content": "x" * (666 * 1024 + 1)}]}, 45002),
        ("template_card", {"card_type": "smoke"}, 40058),
        ("template_card", {**CARD, "main_title": None}, 40058),
        ("template_card", {**CARD, "card_action": None}, 40058),
    ],
)
async def test_content_outside_its_limits_is_refused(wechat: WeChat, kind: str, payload: object, errcode: int) -> None:
    reply = await wechat.send(await wechat.wecom_token(), msgtype=kind, **{kind: payload})

    assert reply["errcode"] == errcode
    assert await wechat.messages() == []


async def test_an_interactive_card_answers_with_a_response_code(wechat: WeChat) -> None:
    card = {"card_type": "button_interaction", "main_title": {"title": "卡"}, "task_id": "t", "button_list": []}

    assert (await wechat.send(await wechat.wecom_token(), msgtype="template_card", template_card=card))["response_code"]


async def test_a_member_over_the_minute_limit_is_dropped_in_silence(wechat: WeChat) -> None:
    await wechat.turn(qy_member_per_minute=2)
    token = await wechat.wecom_token()
    for _ in range(2):
        await wechat.send(token, touser="lisi")
    assert (await wechat.send(token, touser="lisi|wangwu"))["errmsg"] == "ok"
    last = (await wechat.messages())[-1]
    assert (last["delivered"], last["dropped"]) == (["wangwu"], ["lisi"])

    wechat.clock.now += 60
    await wechat.send(token, touser="lisi")
    assert (await wechat.messages())[-1]["delivered"] == ["lisi"]


async def test_a_member_over_the_hour_limit_is_dropped_in_silence(wechat: WeChat) -> None:
    await wechat.turn(qy_member_per_hour=1)
    token = await wechat.wecom_token()
    await wechat.send(token)
    wechat.clock.now += 3599
    await wechat.send(token)
    wechat.clock.now += 1
    await wechat.send(token)

    assert [message["dropped"] for message in await wechat.messages()] == [[], ["zhangsan"], []]


async def test_nobody_is_dropped_unless_a_knob_says_so(wechat: WeChat) -> None:
    token = await wechat.wecom_token()
    for _ in range(40):
        await wechat.send(token)

    assert [message["dropped"] for message in await wechat.messages()] == [[]] * 40


async def test_an_app_has_so_many_receivers_a_day(wechat: WeChat) -> None:
    await wechat.turn(qy_app_per_day=4)
    token = await wechat.wecom_token()
    assert (await wechat.send(token, touser="@all"))["errcode"] == 0
    assert (await wechat.send(token, touser="lisi|wangwu"))["errcode"] == 45009
    assert (await wechat.send(token, touser="lisi"))["errcode"] == 0

    wechat.clock.now += 86400
    assert (await wechat.send(await wechat.wecom_token(), touser="lisi|wangwu"))["errcode"] == 0


async def test_the_same_json_is_delivered_once_within_the_interval(wechat: WeChat) -> None:
    token = await wechat.wecom_token()
    first = await wechat.send(token, enable_duplicate_check=1, touser="lisi|nobody")
    wechat.clock.now += 1799
    assert await wechat.send(token, enable_duplicate_check=1, touser="lisi|nobody") == first

    original, repeat = await wechat.messages()
    assert (original["delivered"], original["duplicate_of"]) == (["lisi"], None)
    assert (repeat["delivered"], repeat["duplicate_of"]) == ([], original["id"])

    wechat.clock.now += 1
    assert (await wechat.send(token, enable_duplicate_check=1, touser="lisi|nobody"))["msgid"] != first["msgid"]


async def test_the_duplicate_check_has_to_be_asked_for(wechat: WeChat) -> None:
    token = await wechat.wecom_token()
    for _ in range(2):
        await wechat.send(token)
        await wechat.send(token, enable_duplicate_check=0)

    assert [message["duplicate_of"] for message in await wechat.messages()] == [None] * 4


async def test_any_difference_in_the_json_makes_another_message(wechat: WeChat) -> None:
    token = await wechat.wecom_token()
    await wechat.send(token, enable_duplicate_check=1)
    await wechat.send(token, enable_duplicate_check=1, safe=0)
    await wechat.send(token, enable_duplicate_check=1, touser="lisi")

    assert [message["duplicate_of"] for message in await wechat.messages()] == [None] * 3


@pytest.mark.parametrize(("interval", "lasts"), [(60, 60), ("60", 60), (99999, 14400), ("soon", 1800)])
async def test_the_interval_of_the_duplicate_check_is_at_most_four_hours(
    wechat: WeChat, interval: object, lasts: int
) -> None:
    await wechat.turn(token_ttl_s=99999)
    token = await wechat.wecom_token()
    for waited in (0, lasts - 1, 1):
        wechat.clock.now += waited
        await wechat.send(token, enable_duplicate_check="1", duplicate_check_interval=interval)

    assert [message["duplicate_of"] for message in await wechat.messages()] == [None, 1, None]


async def test_a_duplicate_does_not_use_up_a_members_minute(wechat: WeChat) -> None:
    await wechat.turn(qy_member_per_minute=2)
    token = await wechat.wecom_token()
    for _ in range(3):
        await wechat.send(token, enable_duplicate_check=1)
    await wechat.send(token)

    assert (await wechat.messages())[-1]["delivered"] == ["zhangsan"]


async def test_the_errcode_of_a_duplicate_is_a_knob(wechat: WeChat) -> None:
    await wechat.turn(qy_duplicate_errcode=45033)
    token = await wechat.wecom_token()
    await wechat.send(token, enable_duplicate_check=1)

    assert (await wechat.send(token, enable_duplicate_check=1))["errcode"] == 45033


async def test_user_get_tells_no_contact_details(wechat: WeChat) -> None:
    member = {"userid": "LiSi", "name": "李四", "mobile": "13800000000", "email": "li@example.com", "departments": [2]}
    await wechat.seed(qy=[corporation(members=[member])])
    query = {"access_token": await wechat.wecom_token(), "userid": "lisi"}
    reply = await wechat.call("GET", USER_GET, params=query)

    expected = {"userid": "LiSi", "name": "李四", "department": [2], "status": 1}
    assert reply == {"errcode": 0, "errmsg": "ok", **expected}


async def test_an_unknown_userid_is_refused_with_the_empty_fields(wechat: WeChat) -> None:
    query = {"access_token": await wechat.wecom_token(), "userid": "nobody"}
    reply = await wechat.call("GET", USER_GET, params=query)

    assert (reply["errcode"], reply["department"]) == (60111, [])


async def test_a_member_whom_the_app_does_not_see_is_not_told(wechat: WeChat) -> None:
    await wechat.seed(qy=[corporation(apps=[{"agentid": AGENTID, "secret": CORP_SECRET, "visible": ["lisi"]}])])
    query = {"access_token": await wechat.wecom_token(), "userid": "zhangsan"}

    assert (await wechat.call("GET", USER_GET, params=query))["errcode"] == 60011


@pytest.mark.parametrize(
    ("visible", "users", "departments"), [(None, [], [1]), (["lisi"], [{"userid": "lisi"}], []), ([], [], [])]
)
async def test_an_app_tells_who_sees_it(
    wechat: WeChat, visible: list[str] | None, users: list[dict[str, str]], departments: list[int]
) -> None:
    app = {"agentid": AGENTID, "secret": CORP_SECRET, **({} if visible is None else {"visible": visible})}
    await wechat.seed(qy=[corporation(apps=[app])])
    query = {"access_token": await wechat.wecom_token(), "agentid": str(AGENTID)}
    reply = await wechat.call("GET", "/cgi-bin/agent/get", params=query)

    assert (reply["errcode"], reply["agentid"], reply["close"]) == (0, AGENTID, 0)
    assert reply["allow_userinfos"] == {"user": users}
    assert reply["allow_partys"] == {"partyid": departments}


@pytest.mark.parametrize(("agentid", "errcode"), [("1000003", 301002), ("7", 40056), (None, 41011)])
async def test_an_app_is_told_to_its_own_token_only(wechat: WeChat, agentid: str | None, errcode: int) -> None:
    apps = [{"agentid": AGENTID, "secret": CORP_SECRET}, {"agentid": 1000003, "secret": "second-secret"}]
    await wechat.seed(qy=[corporation(apps=apps)])
    query = {"access_token": await wechat.wecom_token(), **({"agentid": agentid} if agentid else {})}

    assert (await wechat.call("GET", "/cgi-bin/agent/get", params=query))["errcode"] == errcode


@pytest.mark.parametrize(
    ("path", "body", "userid"),
    [
        (GETUSERID, {"mobile": "13800000000"}, "lisi"),
        (GETUSERID, {"mobile": ""}, None),
        (GETUSERID, {}, None),
        (BY_EMAIL, {"email": "li@example.com"}, "lisi"),
        (BY_EMAIL, {"email": "li@example.com", "email_type": 1}, "lisi"),
        (BY_EMAIL, {"email": "li@home.example", "email_type": 2}, "lisi"),
        (BY_EMAIL, {"email": "li@example.com", "email_type": 2}, None),
        (BY_EMAIL, {"email": ""}, None),
    ],
)
async def test_members_are_found_by_mobile_and_mail(
    wechat: WeChat, path: str, body: dict[str, object], userid: str | None
) -> None:
    member = {
        "userid": "lisi",
        "mobile": "13800000000",
        "email": "li@example.com",
        "private_email": "li@home.example",
    }
    await wechat.seed(qy=[corporation(members=["zhangsan", member])])
    reply = await wechat.call("POST", path, body, params={"access_token": await wechat.wecom_token()})

    assert (reply["errcode"], reply["userid"]) == ((0, userid) if userid else (46004, ""))


async def test_too_many_misses_block_the_look_up_for_the_day(wechat: WeChat) -> None:
    await wechat.turn(qy_lookup_misses_per_day=2)
    query = {"access_token": await wechat.wecom_token()}
    codes = [(await wechat.call("POST", GETUSERID, {"mobile": "1"}, params=query))["errcode"] for _ in range(3)]

    assert codes == [46004, 46004, 45009]


@pytest.mark.parametrize("path", [GETUSERID, BY_EMAIL])
async def test_look_ups_want_a_token_and_a_post(wechat: WeChat, path: str) -> None:
    assert (await wechat.call("POST", path, {}))["errcode"] == 41001
    query = {"access_token": await wechat.wecom_token()}
    assert (await wechat.call("GET", path, params=query))["errcode"] == 40058

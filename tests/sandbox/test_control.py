"""The control API: seed, inbox, stats, tokens, clock; and several sandboxes beside each other."""

import base64
import time
from typing import Any

import pytest
from pytest_aiohttp import AiohttpClient

from esb.sandbox import create_sandbox
from tests.support.clock import Clock
from tests.support.wechat_client import (
    AGENTID,
    APPID,
    CORPID,
    MESSAGE_SEND,
    OPENID,
    QY_APP,
    ROBOT,
    TEMPLATE,
    WEBHOOK_SEND,
    WeChat,
)


@pytest.mark.parametrize("path", ["/", "/cgi-bin", "/cgi-bin/nothing", "/cgi-bin/token/", "/_sandboxes"])
async def test_an_unknown_path_is_404_with_an_empty_body(wechat: WeChat, path: str) -> None:
    response = await wechat.raw("POST", path, {})

    assert response.status == 404
    assert await response.read() == b""


async def test_the_default_seed_serves_every_kind_of_sender(wechat: WeChat) -> None:
    assert (await wechat.template(await wechat.plain_token()))["errcode"] == 0
    assert "invaliduser" not in await wechat.send(await wechat.wecom_token(), touser="zhangsan|lisi|wangwu")
    assert (await wechat.robot())["errcode"] == 0


async def test_a_seed_replaces_all_that_was_there(wechat: WeChat) -> None:
    await wechat.robot()
    await wechat.fault(None, {"errcode": -1}, times=0)
    await wechat.control("POST", "clock", {"advance": 100})
    await wechat.seed(robots=["mine"])

    assert await wechat.messages() == []
    assert await wechat.control("GET", "stats") == {"endpoints": {}, "tokens_issued": {}}
    assert await wechat.control("GET", "faults") == {"faults": []}
    assert (await wechat.control("GET", "clock"))["now"] == wechat.clock.since_1970()
    assert (await wechat.robot(key="mine"))["errcode"] == 0
    assert (await wechat.robot(key=ROBOT))["errcode"] == 93000
    assert (await wechat.fetch_plain())["errcode"] == 40013
    assert (await wechat.fetch_wecom())["errcode"] == 40013


async def test_a_seed_makes_accounts_corporations_and_knobs(wechat: WeChat) -> None:
    await wechat.seed(
        mp=[{"appid": "wxa", "secret": "s", "openids": ["o1"], "templates": {"t1": {"thing1": "thing"}}}],
        qy=[{"corpid": "wwa", "members": ["m1"], "apps": [{"agentid": 5, "secret": "s"}]}],
        knobs={"token.ttl_s": 60, "qy.same_token": False},
    )
    plain = await wechat.fetch_plain(appid="wxa", secret="s")
    wecom = await wechat.fetch_wecom(corpid="wwa", corpsecret="s")

    assert (plain["expires_in"], wecom["expires_in"]) == (60, 60)
    data = {"thing1": {"value": "好"}}
    sent = await wechat.template(plain["access_token"], touser="o1", template_id="t1", data=data)
    assert sent["errcode"] == 0
    assert (await wechat.send(wecom["access_token"], touser="m1", agentid=5))["errcode"] == 0
    assert [message["app"] for message in await wechat.messages()] == ["wxa", "wwa/5"]


async def test_reset_brings_the_default_seed_back(wechat: WeChat) -> None:
    await wechat.seed()
    token_before = await wechat.fetch_wecom()
    await wechat.control("POST", "reset")

    assert token_before["errcode"] == 40013
    assert (await wechat.fetch_wecom())["errcode"] == 0


async def test_tokens_of_the_old_world_are_unknown_in_the_new_one(wechat: WeChat) -> None:
    token = await wechat.wecom_token()
    await wechat.control("POST", "reset")

    assert (await wechat.send(token))["errcode"] == 40014


ACCOUNT = {"appid": "a", "secret": "s"}
APP = {"agentid": 1, "secret": "s"}


@pytest.mark.parametrize(
    ("seed", "mistake"),
    [
        ([], "seed: expected an object, found []"),
        ({"mpp": []}, "seed: unknown key 'mpp' (did you mean 'mp'?)"),
        ({"mp": {}}, "mp: expected a list, found {}"),
        ({"mp": ["a"]}, "mp[0]: expected an object, found 'a'"),
        ({"mp": [{"appid": "a"}]}, "mp[0]: 'secret' is missing"),
        ({"mp": [{"appid": "", "secret": "s"}]}, "mp[0].appid: expected a non-empty string, found ''"),
        ({"mp": [{**ACCOUNT, "openid": []}]}, "mp[0]: unknown key 'openid' (did you mean 'openids'?)"),
        ({"mp": [{**ACCOUNT, "openids": [7]}]}, "mp[0].openids[0]: expected an object, found 7"),
        ({"mp": [{**ACCOUNT, "openids": [""]}]}, "mp[0].openids[0]: expected a non-empty string, found ''"),
        ({"mp": [{**ACCOUNT, "frozen": 1}]}, "mp[0].frozen: expected true or false, found 1"),
        ({"mp": [ACCOUNT, ACCOUNT]}, "mp: appid 'a' is there twice"),
        ({"mp": [{**ACCOUNT, "templates": {"t": {"k": "thin"}}}]}, "mp[0].templates.t.k: expected 'thing' or "),
        ({"qy": [{"members": []}]}, "qy[0]: 'corpid' is missing"),
        ({"qy": [{"corpid": "c", "members": ["A", "a"]}]}, "qy[0].members: userid 'a' is there twice"),
        ({"qy": [{"corpid": "c", "apps": [{"agentid": 1}]}]}, "qy[0].apps[0]: 'secret' is missing"),
        (
            {"qy": [{"corpid": "c", "apps": [{**APP, "agentid": "1"}]}]},
            "qy[0].apps[0].agentid: expected a whole number",
        ),
        ({"qy": [{"corpid": "c", "apps": [APP, APP]}]}, "qy[0].apps: agentid 1 is there twice"),
        ({"qy": [{"corpid": "c", "apps": [APP, {**APP, "agentid": 2}]}]}, "qy[0].apps: secret 's' is there twice"),
        ({"robots": [None]}, "robots[0]: expected an object, found None"),
        ({"knobs": {"qy.text_ove": "cut"}}, "knobs: unknown key 'qy.text_ove' (did you mean 'qy.text_over'?)"),
        ({"knobs": {"qy_text_over": "cut"}}, "knobs: unknown key 'qy_text_over' (did you mean 'qy.text_over'?)"),
        ({"knobs": {"qy.text_over": "split"}}, "qy.text_over: expected 'cut' or '40058', found 'split'"),
        ({"knobs": {"token.ttl_s": -1}}, "token.ttl_s: expected a whole number, 0 or more, found -1"),
        ({"knobs": {"mp.overlap_s": "5"}}, "mp.overlap_s: expected a number, 0 or more, found '5'"),
        ({"knobs": {"mp.old_token_flaky": 2}}, "mp.old_token_flaky: expected a probability between 0 and 1, found 2"),
        ({"knobs": {"qy.same_token": 1}}, "qy.same_token: expected true or false, found 1"),
    ],
)
async def test_a_mistake_in_a_seed_is_named_and_changes_nothing(wechat: WeChat, seed: object, mistake: str) -> None:
    response = await wechat.raw("POST", "/_sandbox/seed", seed)

    assert response.status == 400
    assert (await response.json())["error"].startswith(mistake)
    assert (await wechat.robot())["errcode"] == 0


async def test_a_body_that_is_not_json_is_a_mistake(wechat: WeChat) -> None:
    response = await wechat.raw("POST", "/_sandbox/seed", data=b"{")

    assert response.status == 400
    assert (await response.json())["error"].startswith("the body is not JSON: ")


async def test_an_unknown_control_path_is_404_with_a_suggestion(wechat: WeChat) -> None:
    response = await wechat.raw("GET", "/_sandbox/message")

    assert response.status == 404
    assert await response.json() == {"error": "no such path (did you mean 'messages'?)"}


async def test_a_wrong_method_on_the_control_api_is_405(wechat: WeChat) -> None:
    response = await wechat.raw("GET", "/_sandbox/seed")

    assert response.status == 405
    assert await response.json() == {"error": "GET is not for this path; use POST"}


async def test_a_message_keeps_its_bytes_and_its_json(wechat: WeChat) -> None:
    sent = '{"msgtype":"text",  "text":{"content":"\\u4f60好"}}'.encode()
    await wechat.call("POST", WEBHOOK_SEND, data=sent, params={"key": ROBOT})

    [message] = await wechat.messages()
    assert base64.b64decode(message["raw"]) == sent
    assert message["body"] == {"msgtype": "text", "text": {"content": "你好"}}
    assert message["received_at"] == wechat.clock.since_1970()
    fields = {"id", "platform", "app", "endpoint", "body", "raw", "text", "delivered", "dropped", "invalid", "reply"}
    assert set(message) == fields | {"duplicate_of", "received_at", "fault", "recalled"}


async def test_refused_messages_are_not_in_the_inbox(wechat: WeChat) -> None:
    token = await wechat.stable_token()
    await wechat.template(token, touser="nobody")
    await wechat.template("no")

    assert await wechat.messages() == []


async def test_the_inbox_can_be_emptied_and_ids_go_on(wechat: WeChat) -> None:
    await wechat.robot()
    await wechat.control("DELETE", "messages")
    assert await wechat.messages() == []

    await wechat.robot()
    assert [message["id"] for message in await wechat.messages()] == [2]


@pytest.mark.parametrize(
    ("query", "ids"),
    [
        ("", [1, 2, 3]),
        ("platform=qy", [2]),
        (f"app={APPID}", [1]),
        (f"app={QY_APP}", [2]),
        (f"touser={OPENID}", [1]),
        ("touser=nobody", [2]),
        ("touser=wangwu", []),
        ("since=2", [3]),
        ("platform=robot&since=3", []),
    ],
)
async def test_messages_can_be_chosen(wechat: WeChat, query: str, ids: list[int]) -> None:
    await wechat.template(await wechat.stable_token())
    await wechat.send(await wechat.wecom_token(), touser="lisi|nobody")
    await wechat.robot()

    assert [message["id"] for message in (await wechat.control("GET", f"messages?{query}"))["messages"]] == ids


@pytest.mark.parametrize("query", ["plattform=qy", "since=soon"])
async def test_a_choice_that_is_not_understood_is_a_mistake(wechat: WeChat, query: str) -> None:
    assert (await wechat.raw("GET", f"/_sandbox/messages?{query}")).status == 400


async def test_stats_count_calls_codes_and_tokens(wechat: WeChat) -> None:
    token = await wechat.wecom_token()
    await wechat.fetch_wecom()
    await wechat.fetch_stable(secret="wrong")
    await wechat.fetch_plain()
    await wechat.send(token)
    await wechat.send(token, touser="nobody")
    await wechat.send("no")
    await wechat.raw("GET", "/cgi-bin/nothing")

    stats = await wechat.control("GET", "stats")
    counted = {path: (counts["calls"], counts["codes"]) for path, counts in stats["endpoints"].items()}
    assert counted == {
        "/cgi-bin/gettoken": (2, {"0": 2}),
        "/cgi-bin/stable_token": (1, {"40125": 1}),
        "/cgi-bin/token": (1, {"0": 1}),
        MESSAGE_SEND: (3, {"0": 1, "81013": 1, "40014": 1}),
        "unknown": (1, {}),
    }
    assert stats["tokens_issued"] == {QY_APP: 2, APPID: 1}


async def test_control_calls_are_not_counted(wechat: WeChat) -> None:
    await wechat.messages()

    assert (await wechat.control("GET", "stats"))["endpoints"] == {}


async def test_the_clock_can_be_pushed_ahead(wechat: WeChat) -> None:
    token = await wechat.wecom_token()
    await wechat.control("POST", "clock", {"advance": 7000.5})
    assert await wechat.control("POST", "clock", {"advance": 199}) == {"now": wechat.clock.since_1970() + 7199.5}
    assert (await wechat.send(token))["errcode"] == 0

    await wechat.control("POST", "clock", {"advance": 0.5})
    assert (await wechat.send(token))["errcode"] == 42001


@pytest.mark.parametrize("body", [{}, {"advance": -1}, {"advance": "1"}, {"advanced": 1}, [1]])
async def test_the_clock_goes_ahead_only(wechat: WeChat, body: Any) -> None:
    assert (await wechat.raw("POST", "/_sandbox/clock", body)).status == 400


@pytest.mark.parametrize("path", ["tokens/expire", "tokens/rotate"])
async def test_tokens_of_an_unknown_app_are_a_mistake(wechat: WeChat, path: str) -> None:
    response = await wechat.raw("POST", f"/_sandbox/{path}", {"app": CORPID})

    assert response.status == 400
    assert (await response.json())["error"] == f"app: expected '{APPID}' or '{QY_APP}', found '{CORPID}'"


async def test_knobs_can_be_read_and_turned_in_a_running_world(wechat: WeChat) -> None:
    token = await wechat.wecom_token()
    await wechat.turn(token_ttl_s=10)

    knobs = await wechat.control("GET", "knobs")
    assert (knobs["token.ttl_s"], knobs["mp.overlap_s"]) == (10, 300)
    assert await wechat.wecom_token() == token


async def test_quotas_and_drops_are_off_by_default(wechat: WeChat) -> None:
    knobs = await wechat.control("GET", "knobs")
    quotas = [
        name for name in knobs if name.split("_per_")[-1] in ("day", "minute", "hour", "month") or ".per_" in name
    ]

    assert "qy.member_per_minute" in quotas
    assert "robot.per_minute" in quotas
    assert {knobs[name] for name in quotas if name != "stable.force_per_day"} == {0}


async def test_an_account_can_be_changed_while_its_tokens_live(wechat: WeChat) -> None:
    token = await wechat.stable_token()
    await wechat.control(
        "PATCH", f"mp/{APPID}", {"secret": "new", "openids": [{"openid": OPENID, "subscribed": False}]}
    )

    assert (await wechat.template(token))["errcode"] == 43004
    assert (await wechat.fetch_stable())["errcode"] == 40125
    assert (await wechat.fetch_stable(secret="new"))["access_token"] == token


async def test_a_corporation_and_its_apps_can_be_changed(wechat: WeChat) -> None:
    token = await wechat.wecom_token()
    await wechat.control("PATCH", f"qy/{CORPID}", {"members": ["new"]})
    await wechat.control("PATCH", f"qy/{CORPID}/{AGENTID}", {"enabled": False})

    assert (await wechat.send(token, touser="new|zhangsan"))["invaliduser"] == "zhangsan"
    assert (await wechat.fetch_wecom())["errcode"] == 50003


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("mp/wx9", {}),
        (f"mp/{APPID}", {"appid": "other"}),
        (f"mp/{APPID}", {"templates": {TEMPLATE: []}}),
        (f"qy/{CORPID}/7", {}),
        ("qy/ww9/7", {}),
        ("qy/ww9", {}),
        ("messages", {}),
    ],
)
async def test_a_change_to_what_is_not_there_is_a_mistake(wechat: WeChat, path: str, body: Any) -> None:
    assert (await wechat.raw("PATCH", f"/_sandbox/{path}", body)).status == 400


async def test_several_sandboxes_do_not_know_of_each_other(aiohttp_client: AiohttpClient) -> None:
    first, second = [
        WeChat(await aiohttp_client(create_sandbox(clock=clock.since_1970)), clock) for clock in (Clock(), Clock())
    ]
    token = await first.wecom_token()
    await first.robot()
    await first.fault(None, {"errcode": -1}, times=0)

    assert (await second.send(token))["errcode"] == 40014
    assert await second.messages() == []


async def test_the_clock_is_the_machines_unless_another_is_given(aiohttp_client: AiohttpClient) -> None:
    wechat = WeChat(await aiohttp_client(create_sandbox()), Clock())

    before, now, after = time.time(), (await wechat.control("GET", "clock"))["now"], time.time()
    assert before <= now <= after

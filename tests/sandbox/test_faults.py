"""Faults on request: which calls they strike, and what each does to the answer and the connection."""

import asyncio
import base64
from typing import Any

import pytest
from aiohttp import ClientConnectionError, ClientOSError, ClientPayloadError, ClientTimeout, ServerDisconnectedError
from pytest_aiohttp import AiohttpClient

from esb.sandbox import create_sandbox
from tests.support.clock import Clock
from tests.support.wechat_client import APPID, MESSAGE_SEND, OPENID, QY_APP, ROBOT, TEMPLATE_SEND, WEBHOOK_SEND, WeChat

TEXT = {"msgtype": "text", "text": {"content": "x"}}
GETTOKEN = "/cgi-bin/gettoken"


async def post(wechat: WeChat, **arguments: Any) -> tuple[int, bytes, str]:
    """A robot message, told as status, body and content type."""
    response = await wechat.raw("POST", WEBHOOK_SEND, TEXT, params={"key": ROBOT}, **arguments)
    return response.status, await response.read(), response.headers.get("Content-Type", "")


async def codes(wechat: WeChat, calls: int) -> list[int]:
    return [(await wechat.robot())["errcode"] for _ in range(calls)]


async def test_a_fault_strikes_once_unless_told_otherwise(wechat: WeChat) -> None:
    await wechat.fault(WEBHOOK_SEND, {"errcode": -1})

    assert await codes(wechat, 3) == [-1, 0, 0]


async def test_a_fault_strikes_as_often_as_told(wechat: WeChat) -> None:
    await wechat.fault(WEBHOOK_SEND, {"errcode": -1}, times=2)

    assert await codes(wechat, 4) == [-1, -1, 0, 0]


async def test_a_fault_with_times_zero_strikes_until_deleted(wechat: WeChat) -> None:
    await wechat.fault(WEBHOOK_SEND, {"errcode": -1}, times=0)
    assert await codes(wechat, 5) == [-1] * 5

    await wechat.control("DELETE", "faults")
    assert await codes(wechat, 1) == [0]


async def test_a_fault_for_one_path_leaves_the_others_alone(wechat: WeChat) -> None:
    await wechat.fault(GETTOKEN, {"errcode": -1}, times=0)

    assert await codes(wechat, 1) == [0]
    assert (await wechat.fetch_wecom())["errcode"] == -1


async def test_a_fault_without_a_match_strikes_every_path_but_the_control_api(wechat: WeChat) -> None:
    await wechat.fault(None, {"status": 503}, times=0)

    assert (await wechat.raw("GET", "/cgi-bin/nothing")).status == 503
    assert (await wechat.raw("GET", "/_sandbox/stats")).status == 200


@pytest.mark.parametrize(("app", "struck"), [(APPID, {"mp"}), (QY_APP, {"qy"}), (ROBOT, {"robot"}), ("other", set())])
async def test_a_fault_can_be_for_one_app(wechat: WeChat, app: str, struck: set[str]) -> None:
    stable, wecom = await wechat.stable_token(), await wechat.wecom_token()
    await wechat.fault(None, {"errcode": -1}, match={"app": app}, times=0)
    replies = {
        "mp": await wechat.template(stable),
        "qy": await wechat.send(wecom),
        "robot": await wechat.robot(),
    }

    assert {platform for platform, reply in replies.items() if reply["errcode"] == -1} == struck


async def test_a_fault_for_an_app_strikes_its_token_calls_too(wechat: WeChat) -> None:
    for app in (APPID, QY_APP):
        await wechat.fault(None, {"errcode": -1}, match={"app": app}, times=0)

    assert (await wechat.fetch_plain())["errcode"] == -1
    assert (await wechat.fetch_stable())["errcode"] == -1
    assert (await wechat.fetch_wecom())["errcode"] == -1
    assert (await wechat.fetch_wecom(corpsecret="wrong"))["errcode"] == 40001


async def test_a_fault_can_be_for_one_receiver(wechat: WeChat) -> None:
    stable, wecom = await wechat.stable_token(), await wechat.wecom_token()
    await wechat.fault(TEMPLATE_SEND, {"errcode": 43004}, match={"touser": OPENID}, times=0)
    await wechat.fault(MESSAGE_SEND, {"errcode": -1}, match={"touser": "LiSi"}, times=0)

    assert (await wechat.template(stable))["errcode"] == 43004
    assert (await wechat.template(stable, touser="oB"))["errcode"] == 40003
    assert (await wechat.send(wecom, touser="zhangsan| lisi"))["errcode"] == -1
    assert (await wechat.send(wecom, touser="zhangsan"))["errcode"] == 0
    assert (await wechat.send(wecom, touser=["lisi"]))["errcode"] == 0
    assert (await wechat.call("POST", MESSAGE_SEND, data=b"{", params={"access_token": wecom}))["errcode"] == 40058


@pytest.mark.parametrize(
    ("match", "expected"),
    [
        ({"nth": 3}, [0, 0, -1, 0, 0, 0]),
        ({"every": 2}, [0, -1, 0, -1, 0, -1]),
        ({"every": 2, "nth": 4}, [0, 0, 0, -1, 0, 0]),
        ({"probability": 1}, [-1] * 6),
        ({"probability": 0}, [0] * 6),
    ],
)
async def test_a_fault_chooses_among_the_calls_it_fits(
    wechat: WeChat, match: dict[str, object], expected: list[int]
) -> None:
    await wechat.fault(WEBHOOK_SEND, {"errcode": -1}, match=match, times=0)
    await wechat.fetch_wecom()

    assert await codes(wechat, 6) == expected


async def test_chance_is_the_same_with_the_same_seed(wechat: WeChat) -> None:
    runs = []
    for seed in (1, 1, 2):
        await wechat.control("POST", "reset")
        await wechat.fault(WEBHOOK_SEND, {"errcode": -1}, match={"probability": 0.5, "seed": seed}, times=0)
        runs.append(await codes(wechat, 20))

    assert set(runs[0]) == {0, -1}
    assert runs[0] == runs[1] != runs[2]


async def test_the_first_fault_that_wants_a_call_strikes_but_all_count_it(wechat: WeChat) -> None:
    await wechat.fault(WEBHOOK_SEND, {"errcode": 1}, times=2)
    await wechat.fault(WEBHOOK_SEND, {"errcode": 2}, times=1)
    await wechat.fault(WEBHOOK_SEND, {"errcode": 5}, match={"nth": 5})

    assert await codes(wechat, 6) == [1, 1, 2, 0, 5, 0]


async def test_faults_are_listed_with_what_they_did(wechat: WeChat) -> None:
    made = await wechat.fault(WEBHOOK_SEND, {"errcode": -1}, match={"nth": 2}, times=0, when="after")
    await codes(wechat, 3)

    assert (await wechat.control("GET", "faults"))["faults"] == [
        {
            "id": made,
            "match": {"path": WEBHOOK_SEND, "nth": 2},
            "action": {"errcode": -1},
            "when": "after",
            "times": 0,
            "seen": 3,
            "struck": 1,
        }
    ]


@pytest.mark.parametrize(
    ("rule", "mistake"),
    [
        ([], "fault: expected an object"),
        ({}, "action: expected an object, found None"),
        ({"action": {}}, "action: nothing to do"),
        ({"action": {"errcod": 1}}, "action: unknown key 'errcod' (did you mean 'errcode'?)"),
        ({"action": {"errcode": "1"}}, "action.errcode: expected a whole number, found '1'"),
        ({"action": {"errmsg": "x"}}, "action.errmsg: needs errcode beside it"),
        ({"action": {"status": 99}}, "action.status: expected an HTTP status from 200 to 599"),
        ({"action": {"body": 1}}, "action.body: expected a string"),
        ({"action": {"body_base64": "?"}}, "action.body_base64: expected base64"),
        ({"action": {"body": "", "body_base64": ""}}, "action.body_base64: there is a body already"),
        ({"action": {"reset": True}}, "action.reset: expected 'head' or 'body', found True"),
        ({"action": {"hang": 1}}, "action.hang: expected true or false"),
        ({"action": {"slow": 0}}, "action.slow: expected bytes per second, more than 0"),
        ({"action": {"cut": -1}}, "action.cut: expected a whole number, 0 or more"),
        ({"action": {"tokens": "lose"}}, "action.tokens: expected 'expire' or 'rotate'"),
        ({"action": {"errcode": 1}, "when": "during"}, "when: expected 'before' or 'after'"),
        ({"action": {"errcode": 1}, "times": -1}, "times: expected a whole number, 0 or more"),
        ({"action": {"errcode": 1}, "match": {"nth": 0}}, "match.nth: expected 1 or more"),
        ({"action": {"errcode": 1}, "match": {"url": "/"}}, "match: unknown key 'url'"),
        ({"action": {"errcode": 1}, "match": {"probability": 2}}, "match.probability: expected a probability"),
    ],
)
async def test_a_mistake_in_a_fault_is_named(wechat: WeChat, rule: object, mistake: str) -> None:
    response = await wechat.raw("POST", "/_sandbox/faults", rule)

    assert response.status == 400
    assert (await response.json())["error"].startswith(mistake)
    assert await wechat.control("GET", "faults") == {"faults": []}


async def test_an_errcode_comes_in_the_words_of_its_platform(wechat: WeChat) -> None:
    token = await wechat.stable_token()
    await wechat.fault(TEMPLATE_SEND, {"errcode": 45009})
    await wechat.fault(WEBHOOK_SEND, {"errcode": 45009})

    assert (await wechat.template(token))["errmsg"].startswith("reach max api daily quota limit rid: ")
    response = await wechat.raw("POST", WEBHOOK_SEND, TEXT, params={"key": ROBOT})
    assert (await response.json())["errmsg"].startswith("api freq out of limit, hint: [")
    assert response.headers["error-code"] == "45009"


async def test_an_errmsg_is_sent_as_it_is(wechat: WeChat) -> None:
    await wechat.fault(WEBHOOK_SEND, {"errcode": 40252, "errmsg": "内容\n审核中"})

    assert await wechat.robot() == {"errcode": 40252, "errmsg": "内容\n审核中"}


async def test_an_errcode_of_zero_can_carry_a_warning(wechat: WeChat) -> None:
    await wechat.fault(WEBHOOK_SEND, {"errcode": 0, "errmsg": "ok. Warning: wrong json format. "})

    assert await wechat.robot() == {"errcode": 0, "errmsg": "ok. Warning: wrong json format. "}
    assert await wechat.messages() == []


@pytest.mark.parametrize(
    ("action", "expected"),
    [
        ({"status": 503}, (503, b"", "text/html")),
        ({"status": 502, "body": "<h1>Bad Gateway</h1>"}, (502, b"<h1>Bad Gateway</h1>", "text/html")),
        ({"body": ""}, (200, b"", "application/json; charset=UTF-8")),
        ({"body": "[1]"}, (200, b"[1]", "application/json; charset=UTF-8")),
        ({"body": '{"errcode":"40001"}'}, (200, b'{"errcode":"40001"}', "application/json; charset=UTF-8")),
        ({"body": "null", "content_type": "text/plain"}, (200, b"null", "text/plain")),
        (
            {"body_base64": base64.b64encode(b"\xff\xfe").decode()},
            (200, b"\xff\xfe", "application/json; charset=UTF-8"),
        ),
        ({"errcode": 1, "errmsg": "x", "status": 429}, (429, b'{"errcode":1,"errmsg":"x"}', None)),
    ],
)
@pytest.mark.parametrize("when", ["before", "after"])
async def test_the_answer_can_be_replaced(
    wechat: WeChat, action: dict[str, Any], expected: tuple[int, bytes, str | None], when: str
) -> None:
    await wechat.fault(WEBHOOK_SEND, action, when=when)
    status, body, content_type = await post(wechat)

    assert (status, body) == expected[:2]
    assert expected[2] in (None, content_type)
    assert len(await wechat.messages()) == (when == "after")


async def test_the_content_type_of_a_good_answer_can_be_wrong(wechat: WeChat) -> None:
    await wechat.fault(WEBHOOK_SEND, {"content_type": "text/plain"})

    assert await post(wechat) == (200, b'{"errcode":0,"errmsg":"ok"}', "text/plain")
    assert len(await wechat.messages()) == 1


async def test_an_answer_can_be_cut(wechat: WeChat) -> None:
    await wechat.fault(WEBHOOK_SEND, {"cut": 10}, when="after")

    assert (await post(wechat))[1] == b'{"errcode"'
    assert len(await wechat.messages()) == 1


async def test_an_answer_cut_before_processing_records_nothing(wechat: WeChat) -> None:
    await wechat.fault(WEBHOOK_SEND, {"cut": 10})

    assert (await post(wechat))[1] == b'{"errcode"'
    assert await wechat.messages() == []


async def test_a_huge_answer_has_exactly_the_size_asked_for(wechat: WeChat) -> None:
    await wechat.fault(WEBHOOK_SEND, {"huge": 300_000})
    response = await wechat.raw("POST", WEBHOOK_SEND, TEXT, params={"key": ROBOT})

    assert "Content-Length" not in response.headers
    assert response.headers["Content-Type"] == "application/json; charset=UTF-8"
    assert len(await response.read()) == 300_000
    assert (await response.json())["errcode"] == 0


async def test_a_client_that_leaves_a_huge_answer_does_no_harm(wechat: WeChat) -> None:
    await wechat.fault(WEBHOOK_SEND, {"huge": 200_000_000})
    response = await wechat.raw("POST", WEBHOOK_SEND, TEXT, params={"key": ROBOT})
    await response.content.read(1000)
    response.close()

    assert (await wechat.robot())["errcode"] == 0


async def test_a_redirect_goes_where_it_is_told(wechat: WeChat) -> None:
    await wechat.fault(WEBHOOK_SEND, {"redirect": "https://example.com/x"})
    response = await wechat.raw("POST", WEBHOOK_SEND, TEXT, params={"key": ROBOT})

    assert (response.status, response.headers["Location"]) == (301, "https://example.com/x")


async def test_a_redirect_can_have_another_status(wechat: WeChat) -> None:
    await wechat.fault(WEBHOOK_SEND, {"redirect": "https://example.com/x", "status": 308})

    assert (await post(wechat))[0] == 308


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize(
    ("action", "error"),
    [
        ({"reset": "head"}, ClientOSError),
        ({"reset": "body"}, ClientPayloadError),
        ({"close": True}, ServerDisconnectedError),
    ],
)
async def test_the_connection_can_break(
    wechat: WeChat, action: dict[str, Any], error: type[Exception], when: str
) -> None:
    await wechat.fault(WEBHOOK_SEND, action, when=when)
    with pytest.raises(error):
        await post(wechat)

    assert len(await wechat.messages()) == (when == "after")
    assert await codes(wechat, 1) == [0]


async def test_a_reset_is_a_reset_and_no_mere_close(wechat: WeChat) -> None:
    await wechat.fault(WEBHOOK_SEND, {"reset": "head"})
    with pytest.raises(ClientConnectionError) as caught:
        await post(wechat)

    assert isinstance(caught.value, ConnectionResetError) or "reset" in str(caught.value).lower()


@pytest.mark.parametrize("when", ["before", "after"])
async def test_a_hanging_call_lasts_until_the_client_gives_up(wechat: WeChat, when: str) -> None:
    await wechat.fault(WEBHOOK_SEND, {"hang": True}, when=when)
    with pytest.raises(TimeoutError):
        await post(wechat, timeout=ClientTimeout(total=0.05))

    assert len(await wechat.messages()) == (when == "after")


async def test_a_hanging_call_ends_when_the_sandbox_shuts_down(aiohttp_client: AiohttpClient) -> None:
    wechat = WeChat(await aiohttp_client(create_sandbox()), Clock())
    await wechat.fault(WEBHOOK_SEND, {"hang": True})
    hanging = asyncio.create_task(post(wechat))
    while not (await wechat.control("GET", "faults"))["faults"][0]["struck"]:
        pass
    async with asyncio.timeout(30):
        await wechat.http.server.close()
        with pytest.raises(ClientConnectionError):
            await hanging


async def test_a_late_answer_is_still_the_right_one(wechat: WeChat) -> None:
    await wechat.fault(WEBHOOK_SEND, {"latency_ms": 30}, times=0)
    started = asyncio.get_running_loop().time()

    assert (await wechat.robot())["errcode"] == 0
    assert asyncio.get_running_loop().time() - started >= 0.03


@pytest.mark.parametrize(("when", "recorded"), [("before", 0), ("after", 1)])
async def test_a_client_that_leaves_during_a_delay_may_or_may_not_have_sent(
    wechat: WeChat, when: str, recorded: int
) -> None:
    await wechat.fault(WEBHOOK_SEND, {"latency_ms": 60_000}, when=when)
    with pytest.raises(TimeoutError):
        await post(wechat, timeout=ClientTimeout(total=0.05))
    await wechat.fault(GETTOKEN, {"latency_ms": 60})  # longer than a waiting call takes to see its client gone
    await wechat.fetch_wecom()

    assert len(await wechat.messages()) == recorded


async def test_a_slow_answer_arrives_whole_in_its_time(wechat: WeChat) -> None:
    await wechat.fault(WEBHOOK_SEND, {"slow": 500})
    started = asyncio.get_running_loop().time()

    assert (await post(wechat))[1] == b'{"errcode":0,"errmsg":"ok"}'
    assert asyncio.get_running_loop().time() - started >= 27 / 500 * 0.9


async def test_a_slow_answer_can_be_too_slow_for_the_client(wechat: WeChat) -> None:
    await wechat.fault(WEBHOOK_SEND, {"slow": 1})
    with pytest.raises(TimeoutError):
        await post(wechat, timeout=ClientTimeout(total=0.1))


@pytest.mark.parametrize(("end", "errcode"), [("expire", 42001), ("rotate", 40001)])
async def test_a_call_can_find_its_token_just_ended(wechat: WeChat, end: str, errcode: int) -> None:
    token = await wechat.stable_token()
    await wechat.fault(TEMPLATE_SEND, {"tokens": end})

    assert (await wechat.template(token))["errcode"] == errcode
    assert (await wechat.template(await wechat.stable_token()))["errcode"] == 0


async def test_a_token_can_end_right_after_a_call(wechat: WeChat) -> None:
    token, other = await wechat.stable_token(), await wechat.wecom_token()
    await wechat.fault(TEMPLATE_SEND, {"tokens": "rotate"}, when="after")

    assert [(await wechat.template(token))["errcode"] for _ in range(2)] == [0, 40001]
    assert (await wechat.send(other))["errcode"] == 0


async def test_a_call_of_nobody_known_ends_nobodys_tokens(wechat: WeChat) -> None:
    token = await wechat.stable_token()
    await wechat.fault(TEMPLATE_SEND, {"tokens": "expire"})

    assert (await wechat.template("no"))["errcode"] == 40001
    assert (await wechat.template(token))["errcode"] == 0


async def test_a_message_taken_before_the_fault_is_known_as_a_duplicate_when_sent_again(wechat: WeChat) -> None:
    stable, wecom = await wechat.stable_token(), await wechat.wecom_token()
    await wechat.fault(TEMPLATE_SEND, {"errcode": -1}, when="after")
    await wechat.fault(MESSAGE_SEND, {"errcode": -1}, when="after")
    for _ in range(2):
        await wechat.template(stable, client_msg_id="m1")
        await wechat.send(wecom, enable_duplicate_check=1)

    assert [message["duplicate_of"] for message in await wechat.messages()] == [None, None, 1, 2]


async def test_a_message_names_the_fault_that_struck_its_answer(wechat: WeChat) -> None:
    made = await wechat.fault(WEBHOOK_SEND, {"errcode": -1, "errmsg": "system busy"}, when="after")
    await codes(wechat, 2)

    first, second = await wechat.messages()
    assert (first["fault"], first["reply"]) == (made, {"errcode": -1, "errmsg": "system busy"})
    assert (second["fault"], second["reply"]) == (None, {"errcode": 0, "errmsg": "ok"})


async def test_stats_count_the_errcodes_that_went_out(wechat: WeChat) -> None:
    await wechat.fault(WEBHOOK_SEND, {"errcode": -1})
    await wechat.fault(WEBHOOK_SEND, {"status": 502})
    await codes(wechat, 1)
    await post(wechat)
    await codes(wechat, 1)

    counted = (await wechat.control("GET", "stats"))["endpoints"][WEBHOOK_SEND]
    assert (counted["calls"], counted["codes"]) == (3, {"-1": 1, "0": 1})


async def test_stats_tell_how_many_calls_were_under_way_at_once(wechat: WeChat) -> None:
    await wechat.fault(WEBHOOK_SEND, {"latency_ms": 100}, times=0)
    await asyncio.gather(*(wechat.robot() for _ in range(5)))

    assert (await wechat.control("GET", "stats"))["endpoints"][WEBHOOK_SEND]["in_flight_peak"] == 5

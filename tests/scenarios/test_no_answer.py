"""Situations 21 to 33: WeChat is busy, or nobody knows what became of a message."""

import asyncio
import base64
from typing import Any

import pytest

from esb.core.deadlines import ANSWER_SECONDS
from esb.core.events import UpstreamFinished
from tests.support.loop_time import late
from tests.support.send_weixin import seed
from tests.support.world import PARAMS, PATHS, PLATFORMS, OpenWorld, World, reached

RECEIVER = {"qy": "zhangsan", "mp": PARAMS["mp"]["receiver"], "robot": "robot"}
ALL = (*PLATFORMS, "robot")
NO_ANSWERS = [
    {"reset": "head"},
    {"reset": "body"},
    {"close": True},
    {"cut": 9},
    {"status": 502, "body": "<html>"},
    {"status": 503},
    {"status": 429},
    {"body": "<html>ok</html>"},
]


def no_answer(action: dict[str, Any]) -> str:
    return " ".join(f"{key} {value}" for key, value in action.items())


@pytest.mark.parametrize(
    ("platform", "errcode"), [("qy", -1), ("qy", 45033), ("mp", -1), ("mp", 43108), ("robot", 45033)]
)
async def test_situation_21_busy_twice_and_then_not(world: World, platform: str, errcode: int) -> None:
    await world.fault(platform, {"errcode": errcode}, times=2)
    answer = await world.send(platform)

    assert answer["result"] is True
    assert (await world.sends(platform), len(await world.inbox())) == (3, 1)
    assert 0.4 < world.clock.now - 1000 < 3  # backoff, as the clock has it


@pytest.mark.parametrize(("platform", "errcode"), [("qy", 45033), ("mp", 43108), ("robot", 45033)])
async def test_situation_22_busy_for_ever_ends_after_three_tries(world: World, platform: str, errcode: int) -> None:
    await world.fault(platform, {"errcode": errcode}, times=0)
    answer = await world.send(platform)

    assert (answer["result"], answer["data"]["class"], answer["data"]["retryable"]) == (False, "busy", True)
    assert reached(answer) == ([], [RECEIVER[platform]], [])
    assert (await world.sends(platform), len(await world.inbox())) == (3, 0)


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize(("platform", "tries"), [("qy", 3), ("mp", 3), ("robot", 1)])
async def test_situation_22_a_failure_of_wechats_own_is_no_refusal_and_repeated_where_repetitions_are_dropped(
    world: World, platform: str, tries: int, when: str
) -> None:
    await world.fault(platform, {"errcode": -1}, times=0, when=when)
    answer = await world.send(platform, {"Idempotency-Key": "k"})

    assert answer["code"] == 1306201
    told = ("result", False), ("class", "busy"), ("errcode", -1), ("outcome", "unknown"), ("retryable", False)
    assert {("result", answer["result"]), *((name, answer["data"][name]) for name, _ in told[1:])} == {*told}
    assert reached(answer) == ([], [], [RECEIVER[platform]])
    assert (await world.sends(platform), len(await world.inbox())) == (tries, int(when == "after"))
    assert (await world.send(platform, {"Idempotency-Key": "k"}))["data"]["replayed"] is True


async def test_situation_22_a_refusal_after_a_failure_of_wechats_own_leaves_the_doubt(
    world: World, platform: str
) -> None:
    await world.fault(platform, {"errcode": -1}, times=1, when="after")
    await world.fault(platform, {"errcode": 45009}, times=1)
    answer = await world.send(platform)
    assert (reached(answer)[2], answer["data"]["errcode"]) == ([RECEIVER[platform]], -1)


async def test_situation_22_a_call_has_no_tries_beyond_its_deadline(open_world: OpenWorld, platform: str) -> None:
    world = await open_world(timeout=6)
    await world.fault(platform, {"errcode": -1, "latency_ms": 5900}, times=0)
    sent = world.sandbox.has_been_called(PATHS[platform][1])
    answer = await late(5.9, world.send(platform), sent)

    assert answer["result"] is False
    assert await world.sends(platform) == 1


@pytest.mark.parametrize("action", NO_ANSWERS, ids=no_answer)
async def test_situation_23_no_usable_answer_before_processing_is_sent_again(
    world: World, platform: str, action: dict[str, Any]
) -> None:
    await world.fault(platform, action)
    answer = await world.send(platform)

    assert answer["result"] is True
    assert (await world.sends(platform), len(await world.inbox())) == (2, 1)


@pytest.mark.parametrize("action", NO_ANSWERS, ids=no_answer)
async def test_situation_23_when_there_never_is_one_the_outcome_is_unknown(
    world: World, platform: str, action: dict[str, Any]
) -> None:
    await world.fault(platform, action, times=0)
    answer = await world.send(platform)

    assert (answer["code"], answer["data"]["outcome"], answer["data"]["retryable"]) == (1306201, "unknown", False)
    assert reached(answer) == ([], [], [RECEIVER[platform]])
    assert await world.sends(platform) == 3


async def test_situation_23_without_duplicate_check_nothing_is_sent_twice(open_world: OpenWorld) -> None:
    world = await open_world(qy={"wx_qy_duplicate_check": False})
    await world.fault("qy", {"status": 500})
    answer = await world.send()

    assert answer["data"]["outcome"] == "unknown"
    assert await world.sends() == 1
    assert "enable_duplicate_check" not in str(await world.sandbox.messages())


async def test_situation_24_a_refused_connection_is_repeated_and_leaves_no_doubt(
    open_world: OpenWorld, platform: str, unused_tcp_port: int
) -> None:
    world = await open_world(sandbox_url=f"http://127.0.0.1:{unused_tcp_port}")
    answer = await world.send(platform)

    assert (answer["code"], answer["data"]["class"], answer["data"]["retryable"]) == (1306201, "busy", True)
    assert reached(answer) == ([], [RECEIVER[platform]], [])
    assert "outcome" not in answer["data"]
    assert sum(isinstance(event, UpstreamFinished) for event in world.gateway.events) == 3


async def test_situation_24_a_robot_that_cannot_be_connected_to_leaves_no_doubt(
    open_world: OpenWorld, unused_tcp_port: int
) -> None:
    world = await open_world(sandbox_url=f"http://127.0.0.1:{unused_tcp_port}")

    assert reached(await world.send("robot")) == ([], ["robot"], [])


@pytest.mark.parametrize("action", NO_ANSWERS, ids=no_answer)
async def test_situations_25_and_26_what_was_recorded_and_not_answered_is_repeated_byte_for_byte(
    world: World, platform: str, action: dict[str, Any]
) -> None:
    await world.fault(platform, action, when="after")
    answer = await world.send(platform)

    first, second = await world.sandbox.messages()
    assert answer["result"] is True
    assert first["raw"] == second["raw"]
    assert (first["duplicate_of"], second["duplicate_of"]) == (None, first["id"])
    assert len(first["delivered"]) == 1
    assert answer["data"]["msgids"] == [str(first["reply"]["msgid"])]


async def test_situations_25_and_26_a_repetition_that_is_held_up_on_its_way_is_dropped_all_the_same(
    open_world: OpenWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = await open_world(timeout=8)
    await world.fault("qy", {"reset": "head"}, when="after")
    monkeypatch.setattr(world.clock, "sleep", lambda seconds: world.clock.pass_by(seconds + 16))
    answer = await world.send()

    assert answer["result"] is True
    assert (await world.sends(), len(await world.inbox())) == (2, 1)


async def test_situations_25_and_26_the_same_alert_twice_on_purpose_arrives_twice(world: World, platform: str) -> None:
    answers = [await world.send(platform, {"X-Bkapi-Request-Id": 32 * "a"}) for _ in range(2)]

    assert all(answer["result"] for answer in answers)
    assert len(await world.inbox()) == 2


@pytest.mark.parametrize("errcode", [45009, 40014, 40058, 99999])
async def test_situations_25_and_26_a_refused_repetition_does_not_deny_the_message_that_arrived(
    world: World, platform: str, errcode: int
) -> None:
    await world.fault(platform, {"reset": "head"}, when="after")
    await world.fault(platform, {"errcode": errcode}, times=0)
    answer = await world.send(platform)

    assert (answer["data"]["outcome"], len(await world.inbox())) == ("unknown", 1)
    assert reached(answer)[2] == [RECEIVER[platform]]


async def test_situations_25_and_26_a_repetition_that_finds_nobody_does_not_deny_it_either(
    world: World, platform: str
) -> None:
    await world.send(platform)
    await world.fault(platform, {"tokens": "rotate", "reset": "head"}, when="after")
    await world.fault(platform, {"errcode": 99999}, fetching=True, times=0)
    answer = await world.send(platform)

    assert (answer["data"]["outcome"], len(await world.inbox())) == ("unknown", 2)


@pytest.mark.parametrize("action", NO_ANSWERS, ids=no_answer)
@pytest.mark.parametrize("when", ["before", "after"])
async def test_situation_27_a_robots_message_is_never_sent_again(
    world: World, action: dict[str, Any], when: str
) -> None:
    await world.fault("robot", action, when=when)
    answer = await world.send("robot")

    assert (answer["code"], answer["data"]["outcome"]) == (1306201, "unknown")
    assert reached(answer) == ([], [], ["robot"])
    assert (await world.sends("robot"), len(await world.inbox())) == (1, int(when == "after"))


@pytest.mark.parametrize("platform", ALL)
@pytest.mark.parametrize("action", [{"hang": True}, {"slow": 1}], ids=no_answer)
async def test_situations_28_and_29_no_answer_and_one_that_drips_end_at_the_deadline(
    open_world: OpenWorld, platform: str, action: dict[str, Any]
) -> None:
    world = await open_world(timeout=200)
    await world.send(platform)
    await world.fault(platform, action, times=0)
    sending = asyncio.gather(*(world.send(platform) for _ in range(15)))
    answers = await late(200, sending, world.sandbox.has_been_called(PATHS[platform][1], 16))
    await world.heal()

    assert {(answer["code"], answer["data"]["outcome"]) for answer in answers} == {(1306201, "unknown")}
    assert (await world.send(platform))["result"] is True


@pytest.mark.parametrize(
    ("body", "content_type", "accepted"),
    [
        (b'{"errcode":0,"errmsg":"ok","msgid"', "application/json", False),
        (b"[]", "application/json", False),
        (b"null", "application/json", False),
        (b"", "application/json", False),
        (b"\xff\xfe\x00", "application/json", False),
        (b'{"errcode":"0","errmsg":"ok","msgid":"1"}', "application/json", True),
        (b'\xef\xbb\xbf{"errcode":0,"errmsg":"ok","msgid":"1"}', "application/json", True),
        (b'{"errcode":0,"errmsg":"o\x07k","msgid":"1"}', "application/json", True),
        (b'{"errcode":0,"errmsg":"\xffok","msgid":"1"}', "application/json", True),
        (b'{"errcode":0,"errmsg":"ok","msgid":"1"}', "text/plain", True),
        (b'{"errcode":0,"errmsg":"ok","msgid":"1"}', "application/json; encoding=utf-8", True),
    ],
)
async def test_situation_30_an_odd_answer_is_read_if_it_can_be(
    world: World, platform: str, body: bytes, content_type: str, accepted: bool
) -> None:
    action = {"body_base64": base64.b64encode(body).decode(), "content_type": content_type}
    await world.fault(platform, action, times=0, when="after")
    answer = await world.send(platform)

    assert (answer["result"], answer["data"].get("outcome")) == ((True, None) if accepted else (False, "unknown"))
    assert answer["code"] == (0 if accepted else 1306201)
    assert len(await world.inbox()) == 1


async def test_situation_30_an_errcode_that_is_text_is_one(world: World, platform: str) -> None:
    await world.send(platform)
    await world.fault(platform, {"body": '{"errcode":"42001","errmsg":"access_token expired"}'})

    assert (await world.send(platform))["result"] is True
    assert await world.fetches(platform) == 2


async def test_situation_31_a_huge_answer_is_not_read_to_its_end(world: World, platform: str) -> None:
    await world.fault(platform, {"huge": 20 * 2**20}, times=0)
    answer = await world.send(platform)

    assert (answer["code"], answer["data"]["outcome"]) == (1306201, "unknown")
    assert "too large" in answer["message"]


@pytest.mark.parametrize("fetching", [True, False])
async def test_situation_32_a_redirect_is_not_followed(world: World, platform: str, fetching: bool) -> None:
    await world.fault(platform, {"redirect": "https://127.0.0.1:9/elsewhere"}, times=0, fetching=fetching)
    answer = await world.send(platform)

    assert (answer["code"], answer["data"]["class"], answer["data"]["retryable"]) == (1306201, "config", False)
    assert reached(answer) == ([], [RECEIVER[platform]], [])
    asked = world.fetches if fetching else world.sends
    assert await asked(platform) == 1


async def test_situation_33_a_kept_connection_that_was_closed_costs_a_repetition(world: World, platform: str) -> None:
    await world.send(platform)
    await world.sandbox.post("tokens/expire")
    await world.fault(platform, {"close": True}, times=1)
    await world.fault(platform, {"close": True}, times=1, fetching=True)
    answer = await world.send(platform)

    assert answer["result"] is True
    assert len(await world.inbox()) == 2


# However late the event loop is, the answer at the deadline tells of every receiver


@pytest.mark.parametrize("headers", [{}, {"Idempotency-Key": "key"}], ids=["plain", "with a key"])
@pytest.mark.parametrize("platform", ALL)
async def test_when_the_deadline_comes_with_the_answer_under_way_the_outcome_is_unknown(
    open_world: OpenWorld, platform: str, headers: dict[str, str]
) -> None:
    world = await open_world(timeout=8)
    await world.send(platform)
    await world.fault(platform, {"hang": True}, times=0)
    path = PATHS[platform][1]
    # All that was to come in this time comes in one turn of the loop: the request's end, and the call's.
    answer = await late(8 + ANSWER_SECONDS, world.send(platform, headers), world.sandbox.has_been_called(path, 2))

    assert (answer["code"], answer["data"]["outcome"], answer["data"]["retryable"]) == (1306201, "unknown", False)
    assert reached(answer) == ([], [], [RECEIVER[platform]])


async def test_when_the_deadline_comes_those_who_have_their_answer_keep_it(open_world: OpenWorld) -> None:
    openids = [f"o{number:027}" for number in range(20)]
    world = await open_world(timeout=8)
    await world.sandbox.post("seed", seed(openids=openids))
    await world.send("mp")
    await world.fault("mp", {"hang": True}, match={"touser": openids[2]})
    await world.fault("mp", {"errcode": 43004}, match={"touser": openids[3]})
    answer = await late(
        8 + ANSWER_SECONDS,
        world.send("mp", receiver=openids),
        world.sandbox.has_been_called(PATHS["mp"][1], 21),
    )

    assert reached(answer) == ([*openids[:2], *openids[4:]], [openids[3]], [openids[2]])
    assert (answer["data"]["outcome"], answer["data"]["errcode"]) == ("unknown", 43004)


async def test_when_the_deadline_comes_those_whose_turn_did_not_come_are_failed(open_world: OpenWorld) -> None:
    openids = [f"o{number:027}" for number in range(20)]
    world = await open_world(timeout=8)
    await world.sandbox.post("seed", seed(openids=openids))
    await world.send("mp")
    await world.fault("mp", {"hang": True}, times=0)
    answer = await late(
        8 + ANSWER_SECONDS,
        world.send("mp", receiver=openids),
        world.sandbox.has_been_called(PATHS["mp"][1], 17),
    )

    accepted, failed, unknown = reached(answer)
    assert (accepted, failed, sorted(unknown)) == ([], openids[16:], openids[:16])
    assert {entry["class"] for entry in answer["data"]["failed"]} == {"busy"}


@pytest.mark.parametrize("headers", [{}, {"Idempotency-Key": "key"}], ids=["plain", "with a key"])
async def test_when_the_deadline_comes_before_a_token_nobody_is_in_doubt(
    open_world: OpenWorld, platform: str, headers: dict[str, str]
) -> None:
    world = await open_world(timeout=8)
    await world.fault(platform, {"hang": True}, fetching=True, times=0)
    begun = world.sandbox.has_been_called(PATHS[platform][0])
    answer = await late(8 + ANSWER_SECONDS, world.send(platform, headers), begun)

    assert (answer["code"], answer["data"]["class"], answer["data"]["retryable"]) == (1306201, "busy", True)
    assert reached(answer) == ([], [RECEIVER[platform]], [])


async def test_when_the_deadline_comes_a_repetition_is_told_what_the_first_call_was(
    open_world: OpenWorld, platform: str
) -> None:
    world = await open_world(timeout=8)
    await world.send(platform)
    await world.fault(platform, {"hang": True}, times=0)
    key = {"Idempotency-Key": "key"}
    both = asyncio.gather(*(world.send(platform, key) for _ in range(2)))
    answers = await late(8 + ANSWER_SECONDS, both, world.sandbox.has_been_called(PATHS[platform][1], 2))
    await world.heal()
    answers.append(await world.send(platform, key))

    assert [answer["data"].pop("replayed", False) for answer in answers] == [False, True, True]
    assert answers[0]["data"]["unknown"] == [RECEIVER[platform]]
    assert answers[0]["data"] == answers[1]["data"] == answers[2]["data"]

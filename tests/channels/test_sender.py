"""Sender, the base of components that send: what its author need not write."""

import asyncio
from dataclasses import fields
from typing import Any

import pytest
from aiohttp import web

from esb import Services, pytest_plugin
from esb.channels.course import sequences
from esb.channels.draft import Draft
from esb.testing import AssertNoSecrets, CallComponent, OpenGateway, Upstream
from tests.support.calls import make_call
from tests.support.clock import Clock, ImpatientClock
from tests.support.loop_time import late, movable_loop_time
from tests.support.ports import free_port
from tests.support.process_services import open_process_services
from tests.support.senders import (
    KEY,
    BareBody,
    BaseUndeclared,
    BreaksAfterwards,
    DeliversASet,
    InItsOwnWords,
    OneText,
    People,
    Robot,
    StuckAfterwards,
    TextParams,
    VendorConfig,
)
from tests.support.servers.raw_server import raw_server, silent
from tests.support.wire import until

gateway = pytest_plugin.gateway  # conftest.py has another of this name
OK = {"errcode": 0, "msgid": "m1"}
ANN = {"username": "ann", "telephone": "13800000001"}
BOB = {"username": "bob", "telephone": "13800000002"}
MUTE = {"username": "mute"}


def texts(upstream: Upstream) -> list[str]:
    return [request.json["text"] for request in upstream.requests if request.path == "/send"]


def with_token(upstream: Upstream) -> None:
    upstream.answers(OK)
    upstream.answers({"token": "a-token-of-ours", "seconds": 7200}, path="/token")


# The answer


async def test_a_message_is_sent_and_its_receivers_are_accepted(
    gateway: OpenGateway, upstream: Upstream, call: CallComponent
) -> None:
    upstream.answers(OK)
    await gateway(Robot, {"url": upstream.url})
    answer = await call(content="Hello")
    assert answer["result"] is True
    assert answer["data"] == {
        "username_check": {"invalid": []},
        "accepted": ["group"],
        "failed": [],
        "unknown": [],
        "msgids": ["m1"],
    }
    assert texts(upstream) == ["Hello"]


async def test_a_refusal_is_told_with_its_class_and_without_the_secret_in_it(
    gateway: OpenGateway, upstream: Upstream, call: CallComponent, assert_no_secrets: AssertNoSecrets
) -> None:
    upstream.answers({"errcode": 5, "errmsg": f"bad text for {KEY}"})
    await gateway(Robot, {"url": upstream.url})
    answer = await call(content="Hello")
    assert (answer["result"], answer["message"]) == (False, "Message sending failed, bad text for ***")
    (failed,) = answer["data"]["failed"]
    assert failed == {"receiver": "group", "errcode": 5, "errmsg": "bad text for ***", "class": "message"}
    assert (answer["data"]["class"], answer["data"]["retryable"]) == ("message", False)
    assert len(upstream.requests) == 1
    assert_no_secrets(KEY)


async def test_an_answer_without_a_code_is_unknown(
    gateway: OpenGateway, upstream: Upstream, call: CallComponent
) -> None:
    upstream.answers({"hello": "world"})
    await gateway(Robot, {"url": upstream.url})
    answer = await call(content="Hello")
    assert answer["result"] is False
    assert (answer["data"]["unknown"], answer["data"]["outcome"]) == (["group"], "unknown")


async def test_each_receiver_has_a_fate_of_its_own(
    gateway: OpenGateway, upstream: Upstream, call: CallComponent
) -> None:
    async def answer_each(request: web.Request) -> web.Response:
        to = (await request.json())["to"]
        if to == ["eve"]:
            return web.json_response({"errcode": 4, "errmsg": "left"})
        if to == ["joe"]:
            return web.Response(status=500)
        return web.json_response({**OK, "invalid": [each for each in to if each == BOB["telephone"]]})

    with_token(upstream)
    upstream.answers(answer_each, path="/send")
    await gateway(People, {"url": upstream.url}, users=[ANN, BOB, MUTE])
    answer = await call(content="Hi", receiver=["eve", "joe", "13800000001"], receiver__username="ann,bob,mute,nobody")
    data = answer["data"]
    assert answer["result"] is False
    assert sorted(data["accepted"]) == ["13800000001", "ann"]
    assert data["unknown"] == ["joe"]
    assert {failed["receiver"]: failed["errcode"] for failed in data["failed"]} == {
        "eve": 4,
        "bob": 4,
        "nobody": None,
        "mute": None,
    }


async def test_whoever_is_named_twice_gets_a_message_once(
    gateway: OpenGateway, upstream: Upstream, call: CallComponent
) -> None:
    with_token(upstream)
    await gateway(People, {"url": upstream.url}, users=[ANN, {**ANN, "username": "anna"}])
    answer = await call(content="Hi", receiver__username=["ann", "anna", "ann"])
    assert answer["data"]["accepted"] == ["ann", "anna"]
    assert [request.json["to"] for request in upstream.requests[1:]] == [["13800000001"]]


async def test_a_call_for_nobody_is_refused(gateway: OpenGateway, upstream: Upstream, call: CallComponent) -> None:
    await gateway(People, {"url": upstream.url})
    assert (await call(content="Hi"))["message"] == "There is nobody to send the message to."
    assert (await call(content="Hi", receiver__username="nobody"))["data"]["username_check"]["invalid"] == ["nobody"]
    assert upstream.requests == []


async def test_a_vendor_that_names_a_stranger_leaves_everybody_else_in_doubt(
    gateway: OpenGateway, upstream: Upstream, call: CallComponent
) -> None:
    with_token(upstream)
    upstream.answers({**OK, "invalid": ["13900000000"]}, path="/send")
    await gateway(People, {"url": upstream.url}, users=[ANN])
    answer = await call(content="Hi", receiver__username="ann")
    assert (answer["result"], answer["data"]["unknown"], answer["data"]["accepted"]) == (False, ["ann"], [])


async def test_whom_the_vendor_calls_unsure_is_unknown_and_the_answer_no_success(
    gateway: OpenGateway, upstream: Upstream, call: CallComponent
) -> None:
    with_token(upstream)
    upstream.answers({**OK, "unsure": ["ann"]}, path="/send")
    await gateway(People, {"url": upstream.url})
    answer = await call(content="Hi", receiver="Ann")
    assert (answer["result"], answer["data"]["unknown"]) == (False, ["Ann"])


async def test_parameters_that_nobody_knows_are_warned_of(
    gateway: OpenGateway, upstream: Upstream, call: CallComponent
) -> None:
    upstream.answers(OK)
    await gateway(Robot, {"url": upstream.url})
    answer = await call(content="Hello", contnet="x")
    assert [warning["field"] for warning in answer["data"]["warnings"]] == ["contnet"]


# Dry run


async def test_a_dry_run_shows_the_messages_and_neither_secrets_nor_addresses_of_the_directory(
    gateway: OpenGateway, upstream: Upstream, call: CallComponent, assert_no_secrets: AssertNoSecrets
) -> None:
    await gateway(Robot, {"url": upstream.url})
    shown = await call(content="Hello", dry_run=True)
    assert shown["result"] is True
    assert shown["data"]["dry_run"] is True
    assert shown["data"]["messages"] == [
        {"receivers": ["group"], "endpoint": "/send", "body": {"text": "Hello", "key": "***"}}
    ]
    await gateway(People, {"url": upstream.url}, users=[ANN])
    shown = await call(content="Hello", receiver="13900000000", receiver__username="ann", dry_run=True)
    assert [message["receivers"] for message in shown["data"]["messages"]] == [["13900000000"], ["ann"]]
    assert upstream.requests == []
    assert_no_secrets(KEY, ANN["telephone"])


# Repetitions


async def test_a_repetition_sends_nothing_even_if_the_target_does_not_say_that_it_sends(
    gateway: OpenGateway, upstream: Upstream, call: CallComponent
) -> None:
    upstream.answers(OK)
    await gateway(BaseUndeclared, {"url": upstream.url})
    await call(content="Hello", idempotency_key="k")
    again = await call(content="Hello", idempotency_key="k")
    assert (again["result"], again["data"]["replayed"]) == (True, True)
    assert len(upstream.requests) == 1


@pytest.mark.parametrize("component", [DeliversASet, BreaksAfterwards])
async def test_a_bug_after_a_message_does_not_send_it_again(
    gateway: OpenGateway, upstream: Upstream, call: CallComponent, component: type
) -> None:
    upstream.answers(OK)
    opened = await gateway(component, {"url": upstream.url})
    with opened.expects_crash():
        first = await call(content="Hello", idempotency_key="k")
    again = await call(content="Hello", idempotency_key="k")
    assert first["result"] is again["result"] is False
    assert again["data"]["outcome"] == "unknown"
    assert len(upstream.requests) == 1


@pytest.mark.parametrize(
    ("component", "told"),
    [
        (OneText, "receivers of a Draft is a list of texts, not one text"),
        (BareBody, "messages(call, params) returns Drafts, not dict"),
    ],
)
async def test_messages_of_a_wrong_shape_are_a_bug_that_sends_nothing(
    gateway: OpenGateway, upstream: Upstream, call: CallComponent, component: type, told: str
) -> None:
    opened = await gateway(component, {"url": upstream.url})
    with opened.expects_crash(TypeError) as errors:
        answer = await call(content="Hello")
    assert [str(error) for error in errors] == [told]
    assert answer["result"] is False
    assert upstream.requests == []


async def test_a_repetition_of_a_refused_message_is_a_first_try(
    gateway: OpenGateway, upstream: Upstream, call: CallComponent
) -> None:
    upstream.answers(OK)
    upstream.answers({"errcode": 5, "errmsg": "bad text"}, times=1)
    await gateway(Robot, {"url": upstream.url})
    assert (await call(content="Hello", idempotency_key="k"))["result"] is False
    assert (await call(content="Hello", idempotency_key="k"))["result"] is True


# Further tries


async def test_a_busy_vendor_is_asked_again(gateway: OpenGateway, upstream: Upstream, call: CallComponent) -> None:
    upstream.answers(OK)
    upstream.answers({"errcode": 1, "errmsg": "busy"}, times=2)
    await gateway(Robot, {"url": upstream.url}, clock=ImpatientClock())
    assert (await call(content="Hello"))["result"] is True
    assert len(upstream.requests) == 3


async def test_a_vendor_that_stays_busy_is_asked_three_times(
    gateway: OpenGateway, upstream: Upstream, call: CallComponent
) -> None:
    upstream.answers({"errcode": 1, "errmsg": "busy"})
    await gateway(Robot, {"url": upstream.url}, clock=ImpatientClock())
    answer = await call(content="Hello")
    assert (answer["data"]["class"], answer["data"]["retryable"]) == ("busy", True)
    assert len(upstream.requests) == 3


async def test_a_vendor_that_cannot_be_reached_is_tried_again_and_nothing_is_in_doubt(
    gateway: OpenGateway, call: CallComponent
) -> None:
    await gateway(Robot, {"url": f"http://127.0.0.1:{free_port()}"}, clock=ImpatientClock())
    answer = await call(content="Hello")
    assert (answer["code"], answer["data"]["unknown"]) == (1306201, [])
    assert [failed["class"] for failed in answer["data"]["failed"]] == ["busy"]


@pytest.mark.parametrize("status", [500, 502])
async def test_what_may_have_been_sent_is_unknown_and_not_sent_again(
    gateway: OpenGateway, upstream: Upstream, call: CallComponent, status: int
) -> None:
    upstream.answers("out of order", status=status)
    await gateway(Robot, {"url": upstream.url})
    answer = await call(content="Hello", idempotency_key="k")
    again = await call(content="Hello", idempotency_key="k")
    for told in (answer, again):
        assert (told["result"], told["code"]) == (False, 1306201)
        assert (told["data"]["unknown"], told["data"]["outcome"]) == (["group"], "unknown")
    assert len(upstream.requests) == 1


async def test_what_timed_out_is_unknown(gateway: OpenGateway, upstream: Upstream, call: CallComponent) -> None:
    upstream.hangs()
    await gateway(Robot, {"url": upstream.url}, timeout=10)
    answer = await late(10, call(content="Hello"), until(lambda: len(upstream.requests) == 1))
    assert (answer["result"], answer["data"]["unknown"]) == (False, ["group"])


async def test_when_time_is_over_each_is_told_what_is_known(
    gateway: OpenGateway, upstream: Upstream, call: CallComponent
) -> None:
    with_token(upstream)
    await gateway(StuckAfterwards, {"url": upstream.url}, timeout=10)
    sending = call(content="Hi", receiver=["ann", "sue", "joe"], idempotency_key="k")
    answer = await late(10, sending, until(lambda: len(texts(upstream)) == 2))
    data = answer["data"]
    assert (answer["code"], data["accepted"], data["unknown"]) == (1306201, ["ann"], ["sue"])
    assert [(failed["receiver"], failed["class"]) for failed in data["failed"]] == [("joe", "busy")]
    assert (data["outcome"], data["retryable"]) == ("unknown", False)
    again = await call(content="Hi", receiver=["ann", "sue", "joe"], idempotency_key="k")
    assert again["data"]["replayed"] is True
    assert len(texts(upstream)) == 2


async def test_whoever_leaves_just_before_the_time_is_over_gets_no_report() -> None:
    async with open_process_services(Clock()) as lent, raw_server(silent) as server:
        unused: Any = None
        services = Services(
            **{each.name: getattr(lent, each.name) for each in fields(lent)},
            users=unused,
            declared=unused,
            call=unused,
            timezone=None,
        )
        robot = Robot(VendorConfig(url=server.url), services)
        with movable_loop_time():
            sending = asyncio.ensure_future(robot.handle(make_call(timeout=0.5), TextParams(content="Hi")))
            await server.has_fallen_silent(1)
            sending.cancel()
            with pytest.raises(asyncio.CancelledError):
                await sending


async def test_when_time_is_over_before_another_try_nothing_is_in_doubt(
    gateway: OpenGateway, upstream: Upstream, call: CallComponent
) -> None:
    asleep = asyncio.Event()

    class StoppedClock(ImpatientClock):
        async def sleep(self, seconds: float) -> None:
            asleep.set()
            await asyncio.Event().wait()

    upstream.answers({"errcode": 1, "errmsg": "busy"})
    await gateway(Robot, {"url": upstream.url}, clock=StoppedClock(), timeout=10)
    answer = await late(10, call(content="Hi"), asleep.wait())
    assert (answer["code"], answer["data"]["unknown"], answer["data"]["retryable"]) == (1306201, [], True)


async def test_a_call_whose_time_is_short_is_not_kept_for_another_try(
    gateway: OpenGateway, upstream: Upstream, call: CallComponent
) -> None:
    upstream.answers({"errcode": 1, "errmsg": "busy"})
    await gateway(Robot, {"url": upstream.url}, clock=ImpatientClock(), timeout=2)
    assert (await call(content="Hi"))["data"]["class"] == "busy"
    assert len(upstream.requests) == 1


async def test_an_author_may_say_no_in_words_of_its_own(
    gateway: OpenGateway, upstream: Upstream, call: CallComponent
) -> None:
    await gateway(InItsOwnWords, {"url": upstream.url})
    answer = await call(content="Hi")
    assert (answer["code"], answer["message"]) == (1306000, "Message sending failed, the group g1 is closed")
    assert answer["data"]["class"] == "unknown"


async def test_a_wrong_credential_stops_the_other_messages(
    gateway: OpenGateway, upstream: Upstream, call: CallComponent
) -> None:
    with_token(upstream)
    upstream.answers({"errcode": 3, "errmsg": "no rights"}, path="/send")
    await gateway(People, {"url": upstream.url})
    answer = await call(content="Hi", receiver=[f"r{number}" for number in range(9)])
    assert {failed["class"] for failed in answer["data"]["failed"]} == {"config"}
    assert len(answer["data"]["failed"]) == 9
    assert len(texts(upstream)) <= People.limits.at_once


# Pages


async def test_a_long_text_goes_in_pages_in_order_and_stops_at_the_first_that_is_refused(
    gateway: OpenGateway, upstream: Upstream, call: CallComponent
) -> None:
    upstream.answers({"errcode": 5, "errmsg": "bad text"})
    upstream.answers(OK, times=1)
    await gateway(Robot, {"url": upstream.url})
    answer = await call(content="word " * 30)
    assert [text.partition("\n")[0] for text in texts(upstream)] == ["(1/3)", "(2/3)"]
    (failed,) = answer["data"]["failed"]
    assert (failed["pages_accepted"], failed["pages"]) == (1, 3)


def test_messages_are_in_one_sequence_if_they_share_a_receiver() -> None:
    a, b, both, c = (Draft(list(receivers)) for receivers in ("a", "b", "ab", "c"))
    found = sequences([a, b, c, both])
    assert [[draft.receivers for draft in sequence] for sequence in found] == [[["a"], ["b"], ["a", "b"]], [["c"]]]

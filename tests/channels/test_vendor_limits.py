"""Limits: what a vendor allows one credential, kept by all calls together."""

from dataclasses import replace
from typing import Any

import pytest

from esb import ParameterError, pytest_plugin
from esb.channels.draft import Draft, Rejected
from esb.channels.vendor_limits import Limits, Pacer
from esb.store.memory import MemoryStore
from esb.store.protocol import StoreAway
from esb.testing import CallComponent, OpenGateway, Upstream
from tests.support.calls import make_call
from tests.support.clock import Clock
from tests.support.process_services import open_process_services
from tests.support.senders import Robot

gateway = pytest_plugin.gateway  # conftest.py has another of this name
OK = {"errcode": 0}
TOO_FAST = {"errcode": 2, "errmsg": "too fast"}


async def test_no_more_messages_a_minute_leave_than_the_vendor_takes(
    gateway: OpenGateway, upstream: Upstream, call: CallComponent
) -> None:
    upstream.answers(OK)
    clock = Clock()
    await gateway(Robot, {"url": upstream.url}, clock=clock)
    answers = [await call(content="Hi") for _ in range(5)]
    assert [answer["code"] for answer in answers] == [0, 0, 0, 1306429, 1306429]
    data = answers[-1]["data"]
    assert (data["class"], data["retryable"], data["retry_after"]) == ("quota", True, 60.0)
    assert len(upstream.requests) == 3
    clock.advance(0.04)
    assert (await call(content="Hi"))["data"]["retry_after"] == 60.0
    clock.advance(9.96)
    assert (await call(content="Hi"))["data"]["retry_after"] == 50.0
    clock.advance(50)
    assert (await call(content="Hi"))["result"] is True


async def test_a_text_in_pages_goes_whole_or_not(gateway: OpenGateway, upstream: Upstream, call: CallComponent) -> None:
    upstream.answers(OK)
    await gateway(Robot, {"url": upstream.url}, clock=Clock())
    assert (await call(content="word " * 20))["result"] is True
    answers = [await call(content="word " * 20), await call(content="word " * 60)]
    for answer in answers:
        (failed,) = answer["data"]["failed"]
        assert (answer["code"], failed["class"], "pages" in failed) == (1306429, "quota", False)
    assert len(upstream.requests) == 2


@pytest.mark.parametrize("method", ["get", "reserve"])
async def test_a_store_that_is_away_leaves_nothing_in_doubt(
    gateway: OpenGateway, upstream: Upstream, call: CallComponent, monkeypatch: pytest.MonkeyPatch, method: str
) -> None:
    async def away(*args: Any, **options: Any) -> Any:
        raise StoreAway("store", method, "it is away")

    upstream.answers(OK)
    await gateway(Robot, {"url": upstream.url}, clock=Clock())
    monkeypatch.setattr(MemoryStore, method, away)
    answer = await call(content="Hi")
    assert (answer["code"], answer["data"]["unknown"], len(answer["data"]["failed"])) == (1306201, [], 1)
    assert upstream.requests == []


async def test_a_refusal_is_told_though_the_store_is_away(
    gateway: OpenGateway, upstream: Upstream, call: CallComponent, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def away(*args: Any, **options: Any) -> Any:
        raise StoreAway("store", "put", "it is away")

    upstream.answers(TOO_FAST)
    await gateway(Robot, {"url": upstream.url}, clock=Clock())
    monkeypatch.setattr(MemoryStore, "put", away)
    assert (await call(content="Hi"))["data"]["retry_after"] == 600


async def test_the_rest_of_a_minute_is_told_where_somebody_counts_and_the_store_tells() -> None:
    async with open_process_services(Clock()) as services:
        pacer = Pacer(services, Limits(per_minute=3), "robot")
        assert await pacer.left() == 3
        await pacer.turn(make_call(), 2)
        assert await pacer.left() == 1
        mute: Any = object()
        assert await Pacer(replace(services, store=mute), Limits(per_minute=3), "robot").left() is None
        assert await Pacer(services, Limits(), "robot").left() is None


async def test_a_message_waits_for_its_turn_within_the_deadline(
    gateway: OpenGateway, upstream: Upstream, call: CallComponent
) -> None:
    upstream.answers(OK)
    clock = Clock()
    await gateway(Robot, {"url": upstream.url}, clock=clock, timeout=90)
    began = clock()
    assert [(await call(content="Hi"))["code"] for _ in range(4)] == [0, 0, 0, 0]
    assert clock() - began >= 60


async def test_stanzas_with_one_credential_share_its_minute(
    gateway: OpenGateway, upstream: Upstream, call: CallComponent
) -> None:
    upstream.answers(OK)
    use = f"{Robot.__module__}:{Robot.__qualname__}"
    other = {"path": "/test/other/", "use": use, "config": {"url": upstream.url}}
    stranger = {"path": "/test/stranger/", "use": use, "config": {"url": upstream.url, "key": "another-key"}}
    opened = await gateway(Robot, {"url": upstream.url}, also=[other, stranger], clock=Clock())
    for _ in range(3):
        await call(content="Hi")
    codes = []
    for path in ("/test/other/", "/test/stranger/"):
        codes.append((await (await opened.request(path=path, json={"content": "Hi"})).json())["code"])
    assert codes == [1306429, 0]


async def test_a_penalty_keeps_all_calls_from_the_vendor_until_it_is_over(
    gateway: OpenGateway, upstream: Upstream, call: CallComponent
) -> None:
    upstream.answers(OK)
    upstream.answers(TOO_FAST, times=1)
    clock = Clock()
    await gateway(Robot, {"url": upstream.url}, clock=clock)
    answers = [await call(content="Hi")]
    clock.advance(99.95)
    answers.append(await call(content="Hi"))
    assert [answer["code"] for answer in answers] == [1306429, 1306429]
    assert [answer["data"]["retry_after"] for answer in answers] == [600.0, 500.1]
    assert answers[1]["data"]["failed"][0]["errmsg"] == "too fast"
    assert len(upstream.requests) == 1
    clock.advance(600)
    assert (await call(content="Hi"))["result"] is True


async def test_a_short_penalty_is_waited_for(gateway: OpenGateway, upstream: Upstream, call: CallComponent) -> None:
    upstream.answers(OK)
    upstream.answers({**TOO_FAST, "wait": 5.0}, times=1)
    clock = Clock()
    await gateway(Robot, {"url": upstream.url}, clock=clock)
    assert (await call(content="Hi"))["result"] is True
    assert clock() == 1005.0


async def test_a_text_is_cut_into_pages_or_refused(
    gateway: OpenGateway, upstream: Upstream, call: CallComponent
) -> None:
    limits = Limits(max_bytes=64)
    pages = limits.pages("word " * 20)
    assert len(pages) == 2
    assert all(len(page.encode()) <= 64 for page in pages)
    assert Limits().pages("x" * 10_000) == ["x" * 10_000]
    limits.check(Draft(["a"], {"a": [{"text": "é" * 32}], "b": 1}))
    with pytest.raises(ParameterError, match="it has 66 bytes, and at most 1 messages of 64 bytes are sent"):
        limits.check(Draft(["a"], {"a": [{"text": "é" * 33}]}))


def test_receivers_go_in_parts() -> None:
    assert [*Limits(max_receivers=2).parts(["a", "b", "c"])] == [("a", "b"), ("c",)]
    assert [*Limits().parts(["a", "b", "c"])] == [("a", "b", "c")]
    assert [*Limits().parts([])] == []


def test_the_penalty_counts_where_the_vendor_names_no_time() -> None:
    limits = Limits(penalty_seconds=9)
    assert limits.retry_after(Rejected(1, "no", "quota")) == 9
    assert limits.retry_after(Rejected(1, "no", "quota", retry_after=2.0)) == 2
    assert limits.retry_after(Rejected(1, "no", "busy")) is None
    assert Limits().retry_after(Rejected(1, "no", "quota")) is None

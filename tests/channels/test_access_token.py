"""AccessToken: fetched once for all, renewed once when it is dead, told to nobody."""

import asyncio
from typing import Any

import pytest

from esb import Call, Component, Target, Token, pytest_plugin
from esb.channels.access_token import AccessToken
from esb.testing import AssertNoSecrets, CallComponent, OpenGateway, Upstream
from tests.support.clock import ImpatientClock
from tests.support.components import Free
from tests.support.loop_time import late
from tests.support.senders import KEY, People, VendorConfig
from tests.support.wire import until

gateway = pytest_plugin.gateway  # conftest.py has another of this name
OK = {"errcode": 0, "msgid": "m1"}
DEAD = {"errcode": 42001, "errmsg": "token expired"}


class Asking(Component[VendorConfig, Free]):
    """Asks the vendor something with a token in a header."""

    config_type = VendorConfig
    params_type = Free

    async def handle(self, call: Call, params: Free) -> Any:
        async def fetch(call: Call) -> Token:
            answer = await self.services.http.json(call, Target("vendor", "token"), "POST", f"{self.config.url}/token")
            return Token(answer["token"], answer["seconds"])

        token = AccessToken(self.services, "vendor", "account", self.config.key, fetch)
        value = await token.get(call)
        if call.args.get("by_hand"):
            token.confirm(value)
            return await token.forget(value)
        return await token.json(call, Target("vendor", "ask"), "GET", f"{self.config.url}/ask", headers={"X-A": "b"})


def giving(upstream: Upstream, *tokens: str) -> None:
    upstream.answers(OK)
    for token in reversed(tokens):
        upstream.answers({"token": token, "seconds": 7200}, path="/token", times=1)


def paths(upstream: Upstream) -> list[str]:
    return [request.path for request in upstream.requests]


async def test_many_calls_at_once_fetch_one_token(
    gateway: OpenGateway, upstream: Upstream, call: CallComponent, assert_no_secrets: AssertNoSecrets
) -> None:
    giving(upstream, "first token")
    await gateway(People, {"url": upstream.url})
    answers = await asyncio.gather(*(call(content="Hi", receiver=f"r{number}") for number in range(5)))
    assert all(answer["result"] for answer in answers)
    assert paths(upstream).count("/token") == 1
    assert {request.query["token"] for request in upstream.requests if request.path == "/send"} == {"first token"}
    assert_no_secrets(KEY, "first token")


async def test_a_dead_token_is_replaced_and_the_message_sent_once_more(
    gateway: OpenGateway, upstream: Upstream, call: CallComponent
) -> None:
    giving(upstream, "first", "second")
    upstream.answers(DEAD, path="/send", times=1)
    await gateway(People, {"url": upstream.url})
    assert (await call(content="Hi", receiver="ann"))["result"] is True
    assert [request.query.get("token") for request in upstream.requests] == [None, "first", None, "second"]


async def test_a_token_that_stays_dead_is_replaced_once(
    gateway: OpenGateway, upstream: Upstream, call: CallComponent
) -> None:
    giving(upstream, "first", "second", "third")
    upstream.answers(DEAD, path="/send")
    await gateway(People, {"url": upstream.url})
    answer = await call(content="Hi", receiver="ann")
    assert (answer["result"], answer["data"]["errcode"]) == (False, 42001)
    assert paths(upstream) == ["/token", "/send", "/token", "/send"]
    await call(content="Hi", receiver="ann")
    assert paths(upstream)[4:] == ["/send"], "a replacement that never worked is not replaced at once"


async def test_a_token_that_the_vendor_repeats_in_its_refusal_is_not_told(
    gateway: OpenGateway, upstream: Upstream, call: CallComponent, assert_no_secrets: AssertNoSecrets
) -> None:
    giving(upstream, "a token of ours")
    upstream.answers({"errcode": 5, "errmsg": "bad text by a token of ours"}, path="/send")
    await gateway(People, {"url": upstream.url})
    assert (await call(content="Hi", receiver="ann"))["message"] == "Message sending failed, bad text by ***"
    assert_no_secrets("a token of ours")


async def test_nor_one_that_stands_deep_in_an_answer(
    gateway: OpenGateway, upstream: Upstream, call: CallComponent, assert_no_secrets: AssertNoSecrets
) -> None:
    giving(upstream, "a token of ours")
    upstream.answers({"error": {"details": ["bad text by a token of ours"], "code": 5}}, path="/ask")
    await gateway(Asking, {"url": upstream.url})
    assert (await call())["data"] == {"error": {"details": ["bad text by ***"], "code": 5}}
    assert_no_secrets("a token of ours")


async def test_a_credential_that_is_refused_is_not_tried_again_at_once(
    gateway: OpenGateway, upstream: Upstream, call: CallComponent, assert_no_secrets: AssertNoSecrets
) -> None:
    upstream.answers({"errcode": 40013, "errmsg": f"unknown key {KEY}"}, path="/token")
    await gateway(People, {"url": upstream.url})
    for _ in range(2):
        answer = await call(content="Hi", receiver=["ann", "bob"])
        assert (answer["data"]["errcode"], answer["data"]["class"]) == (40013, "config")
        assert [failed["errmsg"] for failed in answer["data"]["failed"]] == ["unknown key ***"] * 2
    assert paths(upstream) == ["/token"]
    assert_no_secrets(KEY)


@pytest.mark.parametrize(
    "answered", [{}, {"says": "no"}, {"token": "t"}, {"token": "", "seconds": 9}, {"token": "t", "seconds": "9"}]
)
async def test_an_answer_without_a_usable_token_leaves_nothing_in_doubt(
    gateway: OpenGateway, upstream: Upstream, call: CallComponent, answered: dict[str, Any]
) -> None:
    upstream.answers(answered, path="/token")
    await gateway(People, {"url": upstream.url}, clock=ImpatientClock())
    answer = await call(content="Hi", receiver="ann")
    assert (answer["code"], answer["data"]["unknown"]) == (1306201, [])
    assert paths(upstream) == ["/token"] * 3


async def test_a_fetch_that_fails_leaves_nothing_in_doubt(
    gateway: OpenGateway, upstream: Upstream, call: CallComponent
) -> None:
    upstream.answers({}, path="/token", status=500)
    await gateway(People, {"url": upstream.url}, clock=ImpatientClock())
    answer = await call(content="Hi", receiver="ann")
    assert (answer["code"], answer["data"]["unknown"]) == (1306201, [])


async def test_a_fetch_that_takes_too_long_leaves_nothing_in_doubt(
    gateway: OpenGateway, upstream: Upstream, call: CallComponent
) -> None:
    upstream.hangs(path="/token")
    await gateway(People, {"url": upstream.url}, timeout=5)
    answer = await late(5, call(content="Hi", receiver="ann"), until(lambda: len(upstream.requests) == 1))
    assert (answer["result"], answer["data"]["unknown"]) == (False, [])
    assert [failed["receiver"] for failed in answer["data"]["failed"]] == ["ann"]


async def test_a_token_travels_in_a_header_and_401_means_that_it_is_dead(
    gateway: OpenGateway, upstream: Upstream, call: CallComponent
) -> None:
    giving(upstream, "first", "second")
    upstream.answers({}, path="/ask", status=401, times=1)
    await gateway(Asking, {"url": upstream.url})
    assert (await call())["data"] == OK
    asked = [request for request in upstream.requests if request.path == "/ask"]
    assert [request.headers["Authorization"] for request in asked] == ["Bearer first", "Bearer second"]
    assert asked[0].headers["X-A"] == "b"


async def test_401_twice_is_told(gateway: OpenGateway, upstream: Upstream, call: CallComponent) -> None:
    giving(upstream, "first", "second")
    upstream.answers({}, path="/ask", status=401)
    await gateway(Asking, {"url": upstream.url})
    assert (await call())["code"] == 1306201
    assert paths(upstream) == ["/token", "/ask", "/token", "/ask"]


async def test_a_token_can_be_handled_by_hand(gateway: OpenGateway, upstream: Upstream, call: CallComponent) -> None:
    giving(upstream, "first", "second")
    await gateway(Asking, {"url": upstream.url})
    assert (await call(by_hand=True))["data"] is True
    assert (await call())["data"] == OK
    assert paths(upstream) == ["/token", "/token", "/ask"]


async def test_a_fetch_under_a_key_is_no_message(gateway: OpenGateway, upstream: Upstream, call: CallComponent) -> None:
    giving(upstream, "first")
    upstream.answers({"errcode": 5, "errmsg": "no"}, path="/send", times=1)
    await gateway(People, {"url": upstream.url})
    params = {"content": "Hi", "receiver": "ann", "idempotency_key": "k"}
    assert (await call(params))["result"] is False
    assert (await call(params))["result"] is True

"""assert_keeps_promises: who keeps the promises of sending passes, and every mutant is caught, with what it broke."""

import asyncio

import pytest
from aiohttp import web

from esb import pytest_plugin
from esb.testing import CallComponent, OpenGateway, Upstream, assert_keeps_promises
from esb.testing.promises import SECONDS
from tests.support import senders
from tests.support.components import Echo

gateway = pytest_plugin.gateway  # conftest.py has another of this name
MUTANTS = [
    (senders.NoDryRun, "a dry run "),
    (senders.NoDryRunUndeclared, "a dry run "),
    (senders.Forgetful, "sent again, after it succeeded"),
    (senders.Crashing, "RuntimeError: a bug"),
    (senders.AnswersASet, "accepted is a set"),
    (senders.Twice, "after HTTP status 500 the message was sent again: 2 × POST /send, and usually 1 × POST /send"),
    (senders.Swallowing, "HTTP status 500 was told as a success"),
    (senders.Certain, "a time-out was not told as unknown"),
    (senders.Chatty, "secret 1 got out, in answer 1, with a message that was accepted"),
    (senders.Repeating, "secret 1 got out, in answer 2, with a refusal in which the vendor repeats what it got"),
]


@pytest.fixture(autouse=True)
async def nobody_waits(upstream: Upstream, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a time-out be over as soon as the vendor has left a request without an answer."""
    loop, begin = asyncio.get_running_loop(), upstream.hangs

    def hangs() -> None:
        begin()
        (rule, *_), before = upstream._rules, loop.time
        leave = rule.handler

        async def leave_late(request: web.Request) -> web.StreamResponse:
            monkeypatch.setattr(loop, "time", lambda: before() + SECONDS)
            return await leave(request)

        rule.handler = leave_late

    monkeypatch.setattr(upstream, "hangs", hangs)


def accepting(upstream: Upstream) -> None:
    upstream.answers({"errcode": 0, "msgid": "m1"})
    upstream.answers({"token": "a-token-of-ours", "seconds": 7200}, path="/token")


@pytest.mark.parametrize("component", [senders.Robot, senders.People, senders.Mutant, senders.Undeclared])
async def test_who_keeps_the_promises_passes(
    gateway: OpenGateway, upstream: Upstream, call: CallComponent, component: type
) -> None:
    accepting(upstream)
    await gateway(component, {"url": upstream.url})
    await assert_keeps_promises(call, upstream, {"content": "Hi", "receiver": "ann"}, secrets=["a-token-of-ours"])


@pytest.mark.parametrize(("component", "broken"), MUTANTS)
async def test_a_mutant_is_caught_and_told_what_it_broke(
    gateway: OpenGateway, upstream: Upstream, call: CallComponent, component: type, broken: str
) -> None:
    accepting(upstream)
    await gateway(component, {"url": upstream.url})
    with pytest.raises(AssertionError, match=broken):
        await assert_keeps_promises(call, upstream, {"content": "Hi", "receiver": "ann"})


async def test_a_vendor_that_does_not_accept_is_told(
    gateway: OpenGateway, upstream: Upstream, call: CallComponent
) -> None:
    await gateway(senders.Robot, {"url": upstream.url})
    with pytest.raises(AssertionError, match=r"the call has to send and to succeed.* Say with upstream\.answers"):
        await assert_keeps_promises(call, upstream, {"content": "Hi"})


async def test_the_vendor_answers_as_before_afterwards(
    gateway: OpenGateway, upstream: Upstream, call: CallComponent
) -> None:
    accepting(upstream)
    await gateway(senders.Robot, {"url": upstream.url})
    await assert_keeps_promises(call, upstream, {"content": "Hi"})
    assert (await call(content="Hi"))["result"] is True


async def test_a_component_that_does_not_send_has_nothing_to_promise(
    gateway: OpenGateway, upstream: Upstream, call: CallComponent
) -> None:
    await gateway(Echo)
    with pytest.raises(AssertionError, match="a dry run is not answered as one"):
        await assert_keeps_promises(call, upstream, {})


async def test_without_a_gateway_there_is_nothing_to_check(upstream: Upstream, call: CallComponent) -> None:
    with pytest.raises(RuntimeError, match="open a gateway first"):
        await assert_keeps_promises(call, upstream, {})

"""What would send is stopped in a dry run, and what does not say that it sends counts as sent."""

import pytest

from esb import Call, Target, pytest_plugin
from esb.core.call import Options
from esb.outgoing.dry_run import SendsInDryRun, promised
from esb.testing import CallComponent, OpenGateway, Upstream
from tests.support import senders
from tests.support.calls import make_call

gateway = pytest_plugin.gateway  # conftest.py has another of this name

SEND, PLAIN, READ = (Target("vendor", "send", sends=sends) for sends in (True, None, False))
DRY, DRY_SENDER = Options(dry_run=True), Options(dry_run=True, within_sender=True)
KEYED, KEYED_SENDER = Options(idempotency_key="k"), Options(idempotency_key="k", within_sender=True)


def call_with(options: Options) -> Call:
    return make_call(options=options)


@pytest.mark.parametrize(
    ("options", "target", "method"),
    [(DRY, SEND, "POST"), (DRY, SEND, "GET"), (DRY_SENDER, PLAIN, "POST"), (DRY_SENDER, PLAIN, "PUT")],
)
async def test_what_would_send_in_a_dry_run_is_stopped(options: Options, target: Target, method: str) -> None:
    with pytest.raises(SendsInDryRun, match=r"a dry run must send nothing, and Target\(\"vendor\", \"send\"\)"):
        promised(call_with(options), target, method)


@pytest.mark.parametrize(
    ("options", "target", "method"),
    [
        (DRY, PLAIN, "POST"),
        (DRY_SENDER, PLAIN, "GET"),
        (DRY_SENDER, READ, "POST"),
        (KEYED, PLAIN, "POST"),
        (KEYED_SENDER, PLAIN, "GET"),
        (KEYED_SENDER, READ, "POST"),
        (KEYED_SENDER, SEND, "POST"),
    ],
)
async def test_what_does_not_send_or_says_so_stays_as_it_is(options: Options, target: Target, method: str) -> None:
    assert promised(call_with(options), target, method) is target


async def test_what_does_not_say_whether_it_sends_counts_as_sending_in_a_component_that_sends() -> None:
    assert promised(call_with(KEYED_SENDER), PLAIN, "POST") == SEND


@pytest.mark.parametrize("component", [senders.NoDryRun, senders.NoDryRunUndeclared, senders.NoDryRunStreaming])
async def test_a_sender_without_code_for_a_dry_run_sends_nothing_in_one(
    gateway: OpenGateway, upstream: Upstream, call: CallComponent, component: type
) -> None:
    upstream.answers({"errcode": 0})
    opened = await gateway(component, {"url": upstream.url})
    with opened.expects_crash(SendsInDryRun):
        answer = await call(content="Hi", dry_run=True)
    assert (answer["result"], answer["code"]) == (False, 1306000)
    assert upstream.requests == []


@pytest.mark.parametrize("component", [senders.Crashing, senders.AnswersASet])
async def test_a_sender_with_a_bug_sends_no_repetition(
    gateway: OpenGateway, upstream: Upstream, call: CallComponent, component: type
) -> None:
    upstream.answers({"errcode": 0})
    opened = await gateway(component, {"url": upstream.url})
    with opened.expects_crash():
        first = await call(content="Hi", idempotency_key="k")
    again = await call(content="Hi", idempotency_key="k")
    assert first["result"] is again["result"] is False
    assert len(upstream.requests) == 1


async def test_a_sender_that_does_not_say_that_it_sends_sends_no_repetition(
    gateway: OpenGateway, upstream: Upstream, call: CallComponent
) -> None:
    upstream.answers({"errcode": 0})
    await gateway(senders.Undeclared, {"url": upstream.url})
    assert [(await call(content="Hi", idempotency_key="k"))["result"] for _ in range(2)] == [True, True]
    assert len(upstream.requests) == 1


async def test_a_time_out_of_a_sender_without_the_base_is_told_as_unknown(
    gateway: OpenGateway, upstream: Upstream, call: CallComponent
) -> None:
    upstream.answers("out of order", status=500)
    await gateway(senders.Mutant, {"url": upstream.url})
    assert (await call(content="Hi"))["data"] == {"outcome": "unknown", "retryable": False}

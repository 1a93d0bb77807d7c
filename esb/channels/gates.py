"""Gates that hold back a message before it is sent, and the pace of receivers, for `esb explain`."""

from collections.abc import Mapping
from dataclasses import replace

from esb.channels.account import Account
from esb.channels.outcome import DeliveryReport, Wording
from esb.channels.pacing import Pace
from esb.channels.recipients import addressed
from esb.channels.verdict import JudgedAnswer
from esb.contracts.explain import Decision, Question, allowed, not_known_here, refused, unknown
from esb.core.errors import EsbError

SOMEBODY = "receiver"
"""A receiver whom nobody named: a closed gate is closed for all."""
GATE_OPEN = "the quota gate is open"
NOT_LIVE = "the quota gate and the pace of receivers are not known here"


async def decided(account: Account, question: Question, wording: Wording, pace: Pace | None = None) -> Decision:
    """Return what becomes of a message with this credential: with the words, and by the rules, of `deliver`."""
    if not question.live:
        return not_known_here(NOT_LIVE)
    closed = await account.gate.closed()
    if closed is None:
        return allowed("; ".join([GATE_OPEN, *(await left(pace, question) if pace is not None else ())]))
    receivers = tuple(question.receivers) or (SOMEBODY,)
    outcome = account.outcome(receivers, JudgedAnswer(account.again(closed), {}))
    why = f"the quota gate is closed, because of errcode {closed.errcode}: {closed.errmsg}"
    return shut(DeliveryReport(addressed(receivers), outcome, wording), why, question.at + closed.seconds)


def one_of(decisions: Mapping[str, Decision]) -> Decision:
    """Return the decision about a message that goes the way of one of these names, as its call says."""
    first, *others = decisions.values()
    if not others:
        return first
    why = "; ".join(f"{name}: {decision.why}" for name, decision in decisions.items())
    if any(decision.verdict == "refused" for decision in decisions.values()):
        return unknown(why)
    return replace(first, why=why)


def shut(report: DeliveryReport, why: str, until: float) -> Decision:
    """Return the refusal that this report is answered with."""
    try:
        report.rendered()
    except EsbError as error:
        return refused(error, why, until=until)
    raise AssertionError("nobody was reached, and nobody is told so")


def told_left(number: int, limit: int) -> str:
    """Return how many messages are left of a limit: who has none left may wait, within the time of the call."""
    return f"{number} of {limit} messages left" + ("" if number else ": one waits, or comes too late and is refused")


async def left(pace: Pace, question: Question) -> list[str]:
    """Return how many messages each receiver may still get."""
    numbers = await pace.left(question.receivers)
    return [
        f"{receiver[:100]} has {told_left(number, pace.limit)}"
        for receiver, number in zip(question.receivers, numbers, strict=False)
    ]

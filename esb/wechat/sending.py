"""Sends messages that are built: paced, in order, as many at once as the platform takes, each with its outcome."""

from collections.abc import Sequence
from functools import partial

from esb.call import Call
from esb.clock import Clock
from esb.errors import Limited, UpstreamError
from esb.flight import fan_out
from esb.wechat.account import Account, Reply, WeChatError
from esb.wechat.message import Message, Pages
from esb.wechat.outcome import Outcome
from esb.wechat.pacing import Pace, Turn


async def deliver(
    account: Account, call: Call, messages: Sequence[Pages], clock: Clock, pace: Pace | None = None
) -> Outcome:
    """Sends them all, and tells for each receiver how that went."""
    if pace is None:
        return Outcome.joined(await fan_out(partial(_deliver_pages, account, call), messages, account.at_once))
    try:
        await account.ready(call)  # a credential that does not work must not use up the members' turns
    except NOT_SENT as error:
        return Outcome.joined([_not_sent(pages[0].receivers, error) for pages in messages])
    turns, late = await pace.turns(call, messages)
    outcomes = [_too_late(receiver, wait) for receiver, wait in late.items()]
    if turns:
        outcomes += await fan_out(partial(_deliver_in_turn, account, call, clock), turns, account.at_once)
    return Outcome.joined(outcomes)


async def _deliver_in_turn(account: Account, call: Call, clock: Clock, turn: Turn) -> Outcome:
    if turn.wait > 0:
        await clock.sleep(turn.wait)
    return await _deliver_pages(account, call, turn.pages)


async def _deliver_pages(account: Account, call: Call, pages: Pages) -> Outcome:
    """The pages in order; who missed one gets none of the later ones, and is told as not reached."""
    outcomes: list[Outcome] = []
    receivers = pages[0].receivers
    for number, page in enumerate(pages):
        outcome = await _deliver(account, call, page.to(receivers))
        outcomes.append(outcome.on_page(number, len(pages)))
        receivers = outcome.accepted
        if not receivers:
            break
    return Outcome.in_order(outcomes)


async def _deliver(account: Account, call: Call, message: Message) -> Outcome:
    """One message, whichever way its sending ends."""
    try:
        return Outcome.answered(message.receivers, await account.post(call, message))
    except NOT_SENT as error:
        return _not_sent(message.receivers, error)


NOT_SENT = (WeChatError, UpstreamError, Limited)
"""What ends a sending without an answer of WeChat to it."""


def _not_sent(receivers: tuple[str, ...], error: WeChatError | UpstreamError | Limited) -> Outcome:
    if isinstance(error, WeChatError):
        return Outcome.answered(receivers, Reply(error.verdict, {}))
    if isinstance(error, Limited):
        return Outcome.stopped(receivers, error, error.message, "quota", error.retry_after)
    if error.sent:
        return Outcome(unknown=receivers, error=error)
    return Outcome.stopped(receivers, error, error.reason, "busy" if error.transient else "config", None)


def _too_late(receiver: str, wait: float) -> Outcome:
    error = Limited(
        "WeChat takes no more messages for this member in this minute, please try again later", round(wait, 1)
    )
    return _not_sent((receiver,), error)

"""Sends messages that are built: paced, in order, as many at once as the platform takes, each with its outcome."""

from collections.abc import Awaitable, Sequence
from functools import partial

from esb.call import Call
from esb.clock import Clock
from esb.errors import Limited, UpstreamError
from esb.flight import fan_out
from esb.wechat.account import NOT_SENT, Account
from esb.wechat.message import Message, Pages
from esb.wechat.outcome import Outcome
from esb.wechat.pacing import Pace, Turn
from esb.wechat.reply import Reply, WeChatError

FOR_ALL = frozenset({"config", "token"})
"""Classes of refusals that concern the credential or its settings: the call's other messages would get them too."""


def deliver(
    account: Account, call: Call, messages: Sequence[Pages], clock: Clock, pace: Pace | None = None
) -> Awaitable[Outcome]:
    """Sends them all, and tells for each receiver how that went."""
    delivery = _Delivery(account, call, clock)
    if pace is None and len(messages) == 1:
        return delivery.of_pages(messages[0])
    return delivery.of_all(messages, pace)


class _Delivery:
    """The messages of one call on their way. Once the credential is refused, the rest stays at home."""

    def __init__(self, account: Account, call: Call, clock: Clock) -> None:
        self._account = account
        self._call = call
        self._clock = clock
        self._refused: Reply | None = None

    async def of_all(self, messages: Sequence[Pages], pace: Pace | None) -> Outcome:
        account = self._account
        try:
            await account.ready(self._call)  # a credential that does not work must not use up the members' turns
        except NOT_SENT as error:
            return Outcome.joined([_not_sent(pages[0].receivers, error) for pages in messages])
        if pace is None:
            return Outcome.joined(await fan_out(self.of_pages, messages, account.at_once))
        begun = self._clock()
        turns, late = await pace.turns(self._call, messages)
        outcomes = [_too_late(receiver, wait) for receiver, wait in late.items()]
        outcomes += await fan_out(partial(self._in_turn, begun), turns, account.at_once)
        return Outcome.joined(outcomes)

    async def _in_turn(self, begun: float, turn: Turn) -> Outcome:
        wait = begun + turn.wait - self._clock()
        if wait > 0:
            await self._clock.sleep(wait)
        return await self.of_pages(turn.pages)

    def of_pages(self, pages: Pages) -> Awaitable[Outcome]:
        """The pages in order; who missed one gets none of the later ones, and is told as not reached."""
        return self._of(pages[0]) if len(pages) == 1 else self._in_order(pages)

    async def _in_order(self, pages: Pages) -> Outcome:
        outcomes: list[Outcome] = []
        receivers = pages[0].receivers
        for number, page in enumerate(pages):
            outcome = await self._of(page.to(receivers))
            outcomes.append(outcome.on_page(number, len(pages)))
            receivers = outcome.accepted
            if not receivers:
                break
        return Outcome.in_order(outcomes)

    async def _of(self, message: Message) -> Outcome:
        """One message, whichever way its sending ends."""
        if self._refused is not None:
            return Outcome.answered(message.receivers, self._refused)
        try:
            reply = await self._account.post(self._call, message)
        except NOT_SENT as error:
            return _not_sent(message.receivers, error)
        if reply.verdict.kind in FOR_ALL:
            self._refused = Reply(reply.verdict, {})
        return Outcome.answered(message.receivers, reply)


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

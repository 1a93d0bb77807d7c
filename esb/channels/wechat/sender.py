"""Sends messages that are built: paced, in order, as many at once as the platform takes, each with its outcome."""

from collections.abc import Awaitable, Sequence
from functools import partial

from esb.channels.wechat.account import NOT_SENT, Account
from esb.channels.wechat.member_pacing import Pace, Turn
from esb.channels.wechat.message import Message
from esb.channels.wechat.outcome import Outcome
from esb.channels.wechat.reply import Reply, WeChatError
from esb.core.call import Call
from esb.core.clock import Clock
from esb.core.errors import Limited, UpstreamError
from esb.core.single_flight import fan_out

FOR_ALL = frozenset({"config", "token"})
"""Classes of refusals that concern the credential or its settings: the call's other messages would get them too."""


class Sending:
    """The messages of one call on their way. Once the credential is refused, the rest stays at home."""

    def __init__(self, account: Account, call: Call, clock: Clock) -> None:
        self._account = account
        self._call = call
        self._clock = clock
        self._refused: Reply | None = None

    def outcome(self, messages: Sequence[Message], pace: Pace | None = None) -> Awaitable[Outcome]:
        """Sends them all, and tells for each receiver how that went."""
        if pace is None and len(messages) == 1:
            return self._pages(messages[0])
        return self._all(messages, pace)

    async def _all(self, messages: Sequence[Message], pace: Pace | None) -> Outcome:
        account = self._account
        try:
            await account.ready(self._call)  # a credential that does not work must not use up the members' turns
        except NOT_SENT as error:
            return Outcome.joined([_not_sent(message.receivers, error) for message in messages])
        if pace is None:
            return Outcome.joined(await fan_out(self._pages, messages, account.at_once))
        begun = self._clock()
        turns, late = await pace.turns(self._call, messages)
        outcomes = [_too_late(receiver, wait) for receiver, wait in late.items()]
        outcomes += await fan_out(partial(self._in_turn, begun), turns, account.at_once)
        return Outcome.joined(outcomes)

    def _in_turn(self, begun: float, turn: Turn) -> Awaitable[Outcome]:
        return self._later(begun + turn.wait, turn.message) if turn.wait else self._pages(turn.message)

    async def _later(self, when: float, message: Message) -> Outcome:
        wait = when - self._clock()
        if wait > 0:
            await self._clock.sleep(wait)
        return await self._pages(message)

    def _pages(self, message: Message) -> Awaitable[Outcome]:
        """The pages in order; who missed one gets none of the later ones, and is told as not reached."""
        return self._page(message, 0) if len(message.pages) == 1 else self._in_order(message)

    async def _in_order(self, message: Message) -> Outcome:
        outcomes: list[Outcome] = []
        pages = len(message.pages)
        for page in range(pages):
            outcome = await self._page(message, page)
            outcomes.append(outcome.on_page(page, pages))
            if not outcome.accepted:
                break
            message = message.to(outcome.accepted)
        return Outcome.in_order(outcomes)

    async def _page(self, message: Message, page: int) -> Outcome:
        """One page, whichever way its sending ends."""
        if self._refused is not None:
            return Outcome.answered(message.receivers, self._refused)
        try:
            reply = await self._account.post(self._call, message, page)
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

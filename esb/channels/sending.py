"""Sends messages that are built: paced, in order, as many at once as the platform takes, each with its outcome."""

import asyncio
from collections.abc import Awaitable, Mapping, Sequence
from functools import partial
from typing import Any

from esb.channels.account import NOT_SENT, Account
from esb.channels.message import OutboundMessage
from esb.channels.outcome import DeliveryOutcome, DeliveryReport, Wording
from esb.channels.pacing import LOOK_SECONDS, Pace, Turn
from esb.channels.recipients import Audience, Rehearsal
from esb.channels.verdict import FOR_ALL, Declined, JudgedAnswer
from esb.core.call import Call
from esb.core.errors import Limited, UpstreamError
from esb.core.single_flight import fan_out
from esb.outgoing.client import too_slow
from esb.outgoing.tokens.cache import Entry

SendingResult = DeliveryReport | Rehearsal
"""A report on what was sent; or what would have been sent."""


async def deliver(
    account: Account,
    call: Call,
    audience: Audience,
    messages: Sequence[OutboundMessage],
    wording: Wording,
    warnings: Sequence[Mapping[str, Any]] = (),
    pace: Pace | None = None,
) -> SendingResult:
    """Send the messages and return the report; in a dry run, return what would have been sent.

    Whoever cancels this when the call's time is over gets the report too, at once: on what is known by then.
    """
    if call.options.dry_run:
        previews = [
            (message.receivers, message.endpoint, message.body(page))
            for message in messages
            for page in range(len(message.pages))
        ]
        return Rehearsal(audience, previews, warnings)
    in_doubt: Sequence[str] = ()
    run = call.options.run
    if run is not None and run.in_doubt:
        in_doubt = [receiver for message in messages if not message.deduplicated for receiver in message.receivers]
        messages = [message for message in messages if message.deduplicated]
    sending = Sending(account, call)
    try:
        outcome = await sending.outcome(messages, pace)
    except asyncio.CancelledError:
        if call.seconds_left > 0:
            raise
        outcome = sending.cut_off(messages)
    if in_doubt:
        outcome = DeliveryOutcome.joined([outcome, DeliveryOutcome(unknown=tuple(in_doubt))])
    return DeliveryReport(audience, outcome, wording, warnings)


class Sending:
    """The messages of one call on their way. Once the credential is refused, the rest stays at home."""

    def __init__(self, account: Account, call: Call) -> None:
        self._account = account
        self._call = call
        self._refused: JudgedAnswer | None = None
        self._waiting: set[str] = set()
        self._outcomes: list[DeliveryOutcome] = []

    def cut_off(self, messages: Sequence[OutboundMessage]) -> DeliveryOutcome:
        """Return how it went until now, when time is over: nobody knows what becomes of the requests under way."""
        account, call = self._account, self._call
        over = UpstreamError(
            account.system, account.interface, too_slow(call.timeout), sent=call.record.sent, transient=True
        )
        reported = {receiver for outcome in self._outcomes for receiver in outcome.receivers}
        left = [receiver for message in messages for receiver in message.receivers if receiver not in reported]
        begun = [receiver for receiver in left if receiver not in self._waiting]
        outcomes = [DeliveryOutcome.stopped(begun, over)] if begun else []
        if len(begun) < len(left):
            waiting = [receiver for receiver in left if receiver in self._waiting]
            outcomes.append(DeliveryOutcome.stopped(waiting, over.with_sent(False)))
        return DeliveryOutcome.joined([*outcomes, *self._outcomes])

    def outcome(self, messages: Sequence[OutboundMessage], pace: Pace | None = None) -> Awaitable[DeliveryOutcome]:
        """Send them all, and return for each receiver how that went."""
        if pace is None and len(messages) == 1:
            return self._pages(messages[0])
        return self._all(messages, pace)

    async def _all(
        self, messages: Sequence[OutboundMessage], pace: Pace | None, look: float = LOOK_SECONDS
    ) -> DeliveryOutcome:
        account = self._account
        if not messages:
            return DeliveryOutcome()
        if len(messages) > 1:
            self._waiting.update(receiver for message in messages for receiver in message.receivers)
        try:
            # A credential that does not work must not use up the receivers' turns.
            entry = await account.ready(self._call)
        except NOT_SENT as error:
            return DeliveryOutcome.joined([not_sent(message.receivers, error) for message in messages])
        if pace is None:
            return DeliveryOutcome.joined(await fan_out(self._each, messages, account.at_once))
        turns, late = await pace.turns(self._call, messages, look)
        if not late and len(turns) == 1 and not turns[0].wait:
            return await self._taken(pace, turns[0], entry)  # nearly always
        outcomes = [self._too_late(pace, receiver, wait) for receiver, wait in late.items()]
        self._outcomes += outcomes
        for turn in turns:
            self._waiting.update(turn.message.receivers)
        outcomes += await fan_out(partial(self._in_turn, pace, account.clock()), turns, account.at_once)
        return DeliveryOutcome.joined(outcomes)

    async def _each(self, message: OutboundMessage) -> DeliveryOutcome:
        outcome = await self._pages(message)
        self._outcomes.append(outcome)
        return outcome

    async def _in_turn(self, pace: Pace, booked: float, turn: Turn) -> DeliveryOutcome:
        """Send a message when its turn has come; or look for one, if it has none yet. `booked`: when that was."""
        clock = self._account.clock
        while (wait := booked + turn.wait - clock()) > 0:  # a timer may ring a little early
            await clock.sleep(wait)
        return await (self._taken(pace, turn) if turn.keys else self._all([turn.message], pace, 2 * turn.wait))

    async def _taken(self, pace: Pace, turn: Turn, entry: Entry | None = None) -> DeliveryOutcome:
        """Send a message whose turn it is. It counts from its end on, unless it is in doubt and may arrive later."""
        outcome = await self._pages(turn.message, entry)
        self._outcomes.append(outcome)
        if not outcome.unknown:
            await pace.settle(turn)
        return outcome

    def _pages(self, message: OutboundMessage, entry: Entry | None = None) -> Awaitable[DeliveryOutcome]:
        """Send the pages in order; who missed one gets none of the later ones, and counts as not reached."""
        if self._waiting:
            self._waiting.difference_update(message.receivers)
        return self._page(message, 0, entry) if len(message.pages) == 1 else self._in_order(message)

    async def _in_order(self, message: OutboundMessage) -> DeliveryOutcome:
        outcomes: list[DeliveryOutcome] = []
        pages = len(message.pages)
        for page in range(pages):
            outcome = await self._page(message, page)
            outcomes.append(outcome.on_page(page, pages))
            if not outcome.accepted:
                break
            message = message.to(outcome.accepted)
        return DeliveryOutcome.in_order(outcomes)

    async def _page(self, message: OutboundMessage, page: int, entry: Entry | None = None) -> DeliveryOutcome:
        """Send one page, and return its outcome, whichever way its sending ends."""
        if self._refused is not None:
            return self._account.outcome(message.receivers, self._refused)
        try:
            reply = await self._account.post(self._call, message, page, entry)
        except NOT_SENT as error:
            return not_sent(message.receivers, error)
        if reply.verdict.kind in FOR_ALL:
            self._refused = JudgedAnswer(reply.verdict, {})
        return self._account.outcome(message.receivers, reply)

    def _too_late(self, pace: Pace, receiver: str, wait: float) -> DeliveryOutcome:
        return DeliveryOutcome.stopped((receiver,), Limited(pace.refusal, round(wait, 1)))


def not_sent(receivers: tuple[str, ...], error: Declined | UpstreamError | Limited) -> DeliveryOutcome:
    """Return the outcome of a sending that ended without an answer of the platform to it."""
    if isinstance(error, Declined):
        return DeliveryOutcome.judged(receivers, error.verdict)
    return DeliveryOutcome.stopped(receivers, error)

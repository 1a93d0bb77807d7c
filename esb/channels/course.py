"""The course of one call's drafts: in order where they share a receiver, tried again where that is safe."""

from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace

from esb.channels.draft import Draft, Rejected, Sent
from esb.channels.outcome import DeliveryOutcome, Failure
from esb.channels.pacing import SENDING_SECONDS
from esb.channels.upstream_text import readable_code, readable_text
from esb.channels.vendor_limits import Limits, Pacer
from esb.channels.verdict import FOR_ALL
from esb.core.backoff import pauses
from esb.core.call import Call
from esb.core.clock import Clock
from esb.core.errors import EsbError, Limited, Message, UpstreamError, template
from esb.core.single_flight import fan_out
from esb.outgoing.client import too_slow

FIRST_PAUSE = 0.4
LONGEST_PAUSE = 2.0
"""The seconds before a second try, and the most before a further one."""
TRIES = 3
"""At most so many tries for one message."""
NO_CODE = template("the response has no code that tells what became of the message")
NOT_TOLD = template("the response does not say whether everybody was reached")

Deliver = Callable[[Call, Draft], Awaitable[Sent | None]]


def fate(receivers: Sequence[str], rejected: Rejected, limits: Limits) -> tuple[Failure, ...]:
    """Return what a vendor's no means for these receivers."""
    wait = limits.retry_after(rejected)
    return tuple(Failure(each, rejected.errcode, rejected.errmsg, rejected.kind, wait) for each in receivers)


class Course:
    """The drafts of one call on their way, and the fate of each receiver so far."""

    def __init__(
        self,
        call: Call,
        drafts: Sequence[Draft],
        deliver: Deliver,
        pacer: Pacer,
        limits: Limits,
        clock: Clock,
        secrets: Sequence[str],
    ) -> None:
        self._call = call
        self._drafts = drafts
        self._deliver = deliver
        self._pacer = pacer
        self._limits = limits
        self._clock = clock
        self._secrets = secrets
        self._meant = Counter(receiver for draft in drafts for receiver in draft.receivers)
        self._taken: Counter[str] = Counter()
        """Receiver -> the drafts that were accepted for it."""
        self._failed: dict[str, Failure] = {}
        self._unknown: dict[str, None] = {}
        self._under_way: Counter[str] = Counter()
        self._msgids: dict[str, None] = {}
        self._error: UpstreamError | Limited | None = None
        self._refused: Rejected | None = None

    async def run(self) -> DeliveryOutcome:
        """Send them all, and return the fate of every receiver."""
        await fan_out(self._in_order, sequences(self._drafts), self._limits.at_once)
        return self._outcome()

    def cut_off(self) -> DeliveryOutcome:
        """Return how it went until now, when time is over: nobody knows what becomes of the requests under way."""
        over = self._error_of(too_slow(self._call.timeout))
        open_ = [receiver for receiver in self._meant if self._is_open(receiver)]
        in_doubt = [receiver for receiver in open_ if self._under_way[receiver]]
        waiting = [receiver for receiver in open_ if not self._under_way[receiver]]
        self._error = self._error or over
        self._note(DeliveryOutcome.stopped(in_doubt, over))
        self._note(DeliveryOutcome.stopped(waiting, over.with_sent(False)))
        return self._outcome()

    def _outcome(self) -> DeliveryOutcome:
        if self._unknown and self._error is None:
            self._error = self._error_of(NOT_TOLD)
        return DeliveryOutcome(
            accepted=tuple(receiver for receiver, drafts in self._meant.items() if self._taken[receiver] == drafts),
            failed=tuple(self._failed.values()),
            unknown=tuple(self._unknown),
            msgids=tuple(self._msgids),
            error=self._error,
        )

    async def _in_order(self, drafts: Sequence[Draft]) -> None:
        """Send drafts that share receivers, when there is a turn for all of them: a text in pages goes whole or not."""
        everybody = [*dict.fromkeys(receiver for draft in drafts for receiver in draft.receivers)]
        try:
            turn = await self._pacer.turn(self._call, len(drafts))
        except Limited as late:
            return self._note(DeliveryOutcome.stopped(everybody, late))
        except UpstreamError as away:  # the store
            return self._note(DeliveryOutcome.stopped(everybody, away.with_sent(False)))
        for draft in drafts:
            receivers = tuple(receiver for receiver in draft.receivers if self._is_open(receiver))
            if receivers:
                await self._send(replace(draft, receivers=receivers))
        if self._unknown.keys().isdisjoint(everybody):
            await self._pacer.settle(turn)  # in doubt they may still arrive, and count until then

    def _is_open(self, receiver: str) -> bool:
        done = self._taken[receiver] == self._meant[receiver]
        return not done and receiver not in self._failed and receiver not in self._unknown

    async def _send(self, draft: Draft) -> None:
        """Send a draft, and note what became of it for each receiver, whichever way that ends."""
        try:
            if self._refused is not None:
                raise self._refused.with_traceback(None)
            self._take(draft.receivers, await self._tried(draft))
        except Rejected as rejected:
            if rejected.kind in FOR_ALL:
                self._refused = rejected
            self._reject(draft.receivers, rejected)
        except (UpstreamError, Limited) as error:
            self._note(DeliveryOutcome.stopped(draft.receivers, error))
        except EsbError as error:  # the author's own words for a no
            self._note(DeliveryOutcome(failed=tuple(Failure(each, None, error.message) for each in draft.receivers)))

    async def _tried(self, draft: Draft) -> Sent:
        """Return the vendor's yes, after the tries that are safe and for which there is time."""
        backoff, tries = pauses(FIRST_PAUSE, LONGEST_PAUSE, jitter=True), 1
        while True:
            try:
                return await self._try(draft, tries)
            except (Rejected, UpstreamError, Limited) as error:
                wait = self._wait(error, next(backoff))
                if wait is None or tries >= TRIES or wait >= self._call.seconds_left - SENDING_SECONDS:
                    raise
            tries += 1
            await self._clock.sleep(wait)

    def _wait(self, error: Rejected | UpstreamError | Limited, pause: float) -> float | None:
        """Return the seconds before another try, None if there must be none: it could make two messages of one."""
        if isinstance(error, UpstreamError):
            return pause if error.transient and not error.sent else None
        if self._call.options.run is not None and (isinstance(error, Limited) or error.kind == "quota"):
            return None  # a delivery is put off
        if isinstance(error, Limited):
            return error.retry_after
        if error.kind == "quota":
            return self._limits.retry_after(error)
        return (error.retry_after or pause) if error.kind == "busy" else None

    async def _try(self, draft: Draft, attempt: int) -> Sent:
        """Send a draft once, for the first time or again, unless the vendor's penalty lasts."""
        try:
            await self._pacer.pass_gate()
        except UpstreamError as away:  # the store
            raise away.with_sent(False) from away
        self._under_way.update(draft.receivers)
        answer: object = None
        refusal: EsbError | None = None
        try:
            answer = await self._deliver(replace(self._call, attempt=attempt), draft)
        except EsbError as error:
            refusal = self._readable(error) if isinstance(error, Rejected) else error
            if isinstance(refusal, Rejected) and refusal.errcode is None:
                refusal = self._error_of(NO_CODE)
        if isinstance(refusal, Rejected) and refusal.kind == "quota":
            await self._pacer.close_gate(self._call, refusal)
        self._under_way.subtract(draft.receivers)  # no await from here until the fate is noted
        if refusal is not None:
            raise refusal
        if answer is None:
            return Sent()
        if not isinstance(answer, Sent):
            raise TypeError(f"deliver(call, message) returns None or Sent, not {type(answer).__name__}")
        return answer

    def _take(self, receivers: Sequence[str], sent: Sent) -> None:
        """Note a vendor's yes. If it names somebody who is not known, nobody but those that it names is sure."""
        spelled = {receiver.lower(): receiver for receiver in receivers}
        failed = {spelled.get(str(name).lower()): rejected for name, rejected in sent.failed.items()}
        unknown = {spelled.get(str(name).lower()) for name in sent.unknown}
        strangers = None in failed or None in unknown
        for receiver in receivers:
            if receiver in failed and failed[receiver].errcode is not None:
                self._reject((receiver,), self._readable(failed[receiver]))
            elif strangers or receiver in unknown or receiver in failed:
                self._unknown[receiver] = None
            else:
                self._taken[receiver] += 1
        if sent.msgid:
            self._msgids[readable_text(sent.msgid, *self._secrets)] = None

    def _reject(self, receivers: Sequence[str], rejected: Rejected) -> None:
        self._note(DeliveryOutcome(failed=fate(receivers, rejected, self._limits)))

    def _note(self, outcome: DeliveryOutcome) -> None:
        """Note who missed a draft, and after how many others."""
        for failure in outcome.failed:
            receiver = failure.receiver
            self._failed[receiver] = replace(failure, pages=self._taken[receiver], of=self._meant[receiver])
        self._unknown.update(dict.fromkeys(outcome.unknown))
        self._error = self._error or outcome.error

    def _readable(self, rejected: Rejected) -> Rejected:
        """Return a vendor's no as a caller may read it."""
        errcode = None if rejected.errcode is None else readable_code(rejected.errcode, *self._secrets)
        errmsg = readable_text(rejected.errmsg, *self._secrets)
        return Rejected(errcode, errmsg, rejected.kind, retry_after=rejected.retry_after)

    def _error_of(self, reason: Message | str) -> UpstreamError:
        """Return the error for a message that may have been sent."""
        system, _, component = self._call.component.partition(".")
        return UpstreamError(system, component, reason, transient=True)


def sequences(drafts: Sequence[Draft]) -> list[list[Draft]]:
    """Part drafts into sequences: those with a receiver in common are in one, in their order."""
    by_receiver: dict[str, list[Draft]] = {}
    for draft in drafts:
        met = {id(known): known for each in draft.receivers if (known := by_receiver.get(each)) is not None}
        sequence, *others = met.values() or [[]]
        for other in others:
            sequence += other
            by_receiver.update((receiver, sequence) for each in other for receiver in each.receivers)
        sequence.append(draft)
        by_receiver.update(dict.fromkeys(draft.receivers, sequence))
    return [*{id(sequence): sequence for sequence in by_receiver.values()}.values()]

"""The outcome of a sending: every receiver is accepted, failed or unknown, whatever way the sending went."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from esb.channels.verdict import ACCEPTED, Verdict
from esb.core.errors import Limited, Message, UpstreamError


@dataclass(slots=True)
class Failure:
    """A receiver that did not get the message, or (`pages` of `of`) only the first pages of it.

    `errcode` is the platform's own, None if it was not asked; `kind` the class of the failure, "" if nobody judged it;
    `retry_after` the seconds until another try may succeed.
    """

    receiver: str
    errcode: int | str | None
    errmsg: Message | str
    kind: str = ""
    retry_after: float | None = None
    pages: int = 0
    of: int = 1


@dataclass(slots=True)
class DeliveryOutcome:
    """The fate of every receiver of a sending, by address.

    `held`: those of the accepted whose message the platform keeps back for now, and delivers later by itself.
    `refusal`: the platform's no; `error`: what else stopped the sending as a whole. `answered`: the data of the answer
    of a relay, which the caller gets.
    """

    accepted: tuple[str, ...] = ()
    held: tuple[str, ...] = ()
    failed: tuple[Failure, ...] = ()
    unknown: tuple[str, ...] = ()
    msgids: tuple[str, ...] = ()
    refusal: Verdict | None = None
    error: UpstreamError | Limited | None = None
    answered: Any = None

    @property
    def receivers(self) -> tuple[str, ...]:
        """Everybody of whom it tells."""
        return (*self.accepted, *(failure.receiver for failure in self.failed), *self.unknown)

    @classmethod
    def joined(cls, outcomes: Sequence["DeliveryOutcome"]) -> "DeliveryOutcome":
        """Return outcomes for different receivers as one; the first refusal and the first error speak for all."""
        if len(outcomes) == 1:
            return outcomes[0]
        return cls(
            accepted=tuple(receiver for outcome in outcomes for receiver in outcome.accepted),
            held=tuple(receiver for outcome in outcomes for receiver in outcome.held),
            failed=tuple(failure for outcome in outcomes for failure in outcome.failed),
            unknown=tuple(receiver for outcome in outcomes for receiver in outcome.unknown),
            msgids=tuple(msgid for outcome in outcomes for msgid in outcome.msgids),
            refusal=next((outcome.refusal for outcome in outcomes if outcome.refusal is not None), None),
            error=next((outcome.error for outcome in outcomes if outcome.error is not None), None),
        )

    @classmethod
    def in_order(cls, outcomes: Sequence["DeliveryOutcome"]) -> "DeliveryOutcome":
        """Return the outcomes of pages for the same receivers as one: accepted is who got the last page too."""
        joined, accepted = cls.joined(outcomes), outcomes[-1].accepted
        held = tuple(receiver for receiver in accepted if receiver in joined.held)
        return replace(joined, accepted=accepted, held=held)

    @classmethod
    def stopped(cls, receivers: Sequence[str], error: UpstreamError | Limited) -> "DeliveryOutcome":
        """Return the outcome of a sending that this error ended: nobody is known to be reached.

        Unknown is who an upstream that failed may have reached all the same.
        """
        if isinstance(error, Limited):
            reason, kind, retry_after = error.message, "quota", error.retry_after
        elif error.sent:
            return cls(unknown=tuple(receivers), error=error)
        else:
            reason, kind, retry_after = error.reason, "busy" if error.transient else "config", None
        failed = (Failure(receiver, None, reason, kind, retry_after) for receiver in receivers)
        return cls(failed=tuple(failed), error=error)

    @classmethod
    def judged(
        cls,
        receivers: tuple[str, ...],
        verdict: Verdict,
        msgids: tuple[str, ...] = (),
        missed: tuple[Failure, ...] = (),
    ) -> "DeliveryOutcome":
        """Return what a verdict means for these receivers; `missed` are others, whom the answer names one by one."""
        if verdict.kind in ACCEPTED:
            return cls(receivers, receivers if verdict.kind == "held" else (), missed, (), msgids)
        if verdict.half_read:
            return cls(failed=missed, unknown=receivers, refusal=verdict)
        refused = (
            Failure(each, verdict.errcode, verdict.errmsg, verdict.kind, verdict.retry_after) for each in receivers
        )
        return cls(failed=(*missed, *refused), refusal=verdict)

    def on_page(self, number: int, total: int) -> "DeliveryOutcome":
        """Return the same, with every failure knowing how many pages went before."""
        return replace(self, failed=tuple(replace(failure, pages=number, of=total) for failure in self.failed))

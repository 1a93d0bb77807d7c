"""The outcome of a sending, in which every receiver is accepted, failed or unknown; and the report to its caller."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol

from esb.channels.recipients import Audience, named_once
from esb.channels.verdict import ACCEPTED, IN_DOUBT, RETRYABLE, Kind, Verdict, advice
from esb.core.call import Record
from esb.core.errors import EsbError, Limited, Message, QuotaUsedUp, Refused, UpstreamError
from esb.core.reasons import Reason

MOST_MSGIDS = 10
"""Ids of messages in one line: with the first of them a platform's support finds the others."""
Summary = dict[str, Any]
"""Numbers and codes of sendings: nobody's name, and no text."""


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
            msgids=tuple(dict.fromkeys(msgid for outcome in outcomes for msgid in outcome.msgids)),
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
            reason, retry_after = error.message, error.retry_after
        elif error.sent:
            return cls(unknown=tuple(receivers), error=error)
        else:
            reason, retry_after = error.reason, None
        kind = stopped_class(error)
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


class Wording(Protocol):
    """A channel's words for a message that did not reach everybody."""

    @property
    def some_users(self) -> str:
        """The template that says of user names that they lead to nobody, with `{complaint}`."""
        ...

    def failure(self, audience: Audience, outcome: DeliveryOutcome, data: dict[str, Any]) -> EsbError | None:
        """Return the error that tells of this outcome, with this data and what it adds to it; None if all is well."""
        ...


@dataclass(slots=True)
class DeliveryReport:
    """A sending that is over, as a component returns it. `warnings`: entries for `data.warnings`."""

    audience: Audience
    outcome: DeliveryOutcome
    wording: Wording
    warnings: Sequence[Mapping[str, Any]] = ()

    def by_person(self) -> "DeliveryReport":
        """Return the report with one fate for each name that leads to several addresses: the best of theirs.

        Who was reached by one address is told as accepted, and the others are warned of.
        """
        outcome = self.outcome
        audience = named_once(self.audience, (*outcome.accepted, *outcome.unknown, *outcome.receivers))
        failed = tuple(failure for failure in outcome.failed if audience.typed[failure.receiver])
        unknown = tuple(receiver for receiver in outcome.unknown if audience.typed[receiver])
        what = Message("one of several addresses of this receiver was not reached")
        missed = [failure.receiver for failure in outcome.failed if not audience.typed[failure.receiver]]
        warnings = [{"field": name, "what": what} for name in self.audience.names(missed)]
        error = outcome.error if failed or unknown else None
        outcome = replace(outcome, failed=failed, unknown=unknown, error=error)
        return replace(self, audience=audience, outcome=outcome, warnings=[*self.warnings, *warnings])

    def rendered(self, record: Record | None = None) -> Any:
        """Return the answer's data, noted in the record; raise it as an error unless everybody was accepted."""
        audience, outcome, wording = self.audience, self.outcome, self.wording
        failed = _entries(audience, outcome.failed) if outcome.failed else ()
        data = audience.report(outcome.accepted, failed, outcome.unknown, outcome.msgids)
        if outcome.held:
            data["held"] = audience.names(outcome.held)
        if self.warnings:
            data["warnings"] = list(self.warnings)
        if record is not None:
            record.reports += (data,)
        if failed or outcome.refusal is not None or outcome.error is not None:
            error = wording.failure(audience, outcome, data)
            if error is not None:
                raise error
        if audience.unknown_users or audience.without_contact:
            data |= advice("receiver")
            raise EsbError(wording.some_users, data, call_reason=Reason.RECEIVERS, complaint=audience.complaint())
        if outcome.answered is None:
            return data
        if isinstance(outcome.answered, dict):
            return {**outcome.answered, **data}
        return outcome.answered  # data of another type was never touched


@dataclass(frozen=True, slots=True)
class PlainWording:
    """The words of a channel whose failures are in no table. `failed` says that sending failed."""

    failed: Callable[[Audience, DeliveryOutcome], Message]
    some_users: str

    def failure(self, audience: Audience, outcome: DeliveryOutcome, data: dict[str, Any]) -> EsbError | None:
        """Return what stopped the sending, else a refusal; a limit if all that was refused was refused for now."""
        error, failed = outcome.error, outcome.failed
        if error is None and not failed:
            return None
        refusal = next((failure for failure in failed if failure.errcode is not None), None)
        if refusal is not None:
            data |= {"errcode": refusal.errcode, "errmsg": refusal.errmsg}
        waits = [failure.retry_after or 0.0 for failure in failed]
        wait = error.retry_after if isinstance(error, Limited) else max(waits) if waits and all(waits) else None
        kinds = [failure.kind or "unknown" for failure in failed] or [stopped_class(error)]
        kind = kinds[0] if refusal is None else refusal.kind or "unknown"
        data |= advice(kind, retryable=all(each in RETRYABLE for each in kinds), retry_after=wait)
        if outcome.unknown:
            data |= IN_DOUBT
        if error is not None:
            return error.with_data(data)
        text = self.failed(audience, outcome)
        if wait is not None:
            return QuotaUsedUp(text.template, wait, data, **text.values)
        return Refused(text.template, data, **text.values)


def stopped_class(error: UpstreamError | Limited | None) -> Kind:
    """Return the class of what stopped a sending: it is over quota, may go better in a moment, or needs an operator."""
    if isinstance(error, Limited):
        return "quota"
    return "busy" if error is not None and error.transient else "config"


def _entries(audience: Audience, failed: Sequence[Failure]) -> list[dict[str, Any]]:
    return [_entry(failure, name) for failure in failed for name in audience.names([failure.receiver])]


def _entry(failure: Failure, name: str) -> dict[str, Any]:
    entry: dict[str, Any] = {"receiver": name, "errcode": failure.errcode, "errmsg": failure.errmsg}
    entry["class"] = failure.kind or "unknown"
    if failure.retry_after is not None:
        entry["retry_after"] = failure.retry_after
    if failure.pages:
        entry |= {"pages_accepted": failure.pages, "pages": failure.of}
    return entry


def sent_summary(reports: Sequence[Mapping[str, Any]]) -> Summary:
    """Return how many receivers were accepted, failed or are unknown, by the data of a call's sendings.

    Class and errcode are those of the first sending that did not go well; else the class is ok or held.
    """
    if len(reports) > 1:
        return _added([sent_summary((data,)) for data in reports])
    (data,) = reports
    return {
        "accepted": len(data["accepted"]),
        "failed": len(data["failed"]),
        "unknown": len(data["unknown"]),
        "msgids": data["msgids"][:MOST_MSGIDS],
        "class": data.get("class", "held" if "held" in data else "ok"),
        "errcode": data.get("errcode"),
    }


def _added(summaries: Sequence[Summary]) -> Summary:
    worst = next((summary for summary in summaries if summary["class"] not in ACCEPTED), summaries[0])
    numbers = {name: sum(summary[name] for summary in summaries) for name in ("accepted", "failed", "unknown")}
    msgids = [msgid for summary in summaries for msgid in summary["msgids"]]
    return {**worst, **numbers, "msgids": msgids[:MOST_MSGIDS]}

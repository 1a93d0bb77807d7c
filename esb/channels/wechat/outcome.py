"""Whom a message reached: every receiver is accepted, failed or unknown, whatever way the sending went."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from esb.channels.wechat.reply import Reply
from esb.channels.wechat.verdict import Verdict
from esb.core.errors import EsbError, Message

INVALID_RECEIVER = 40003
"""Both platforms' code for a receiver that does not exist; WeCom lists such receivers under errcode 0."""
INVALID = Message("invalid user")
UNLICENSED = Message("unlicensed user")


@dataclass(slots=True)  # frozen, it would take three times as long to make
class Failure:
    """A receiver that did not get the message, or (`pages` of `of`) only the first pages of it."""

    receiver: str
    errcode: int | None
    errmsg: Message | str
    kind: str
    retry_after: float | None = None
    pages: int = 0
    of: int = 1

    @property
    def invalid(self) -> bool:
        """WeCom named this receiver as one that it does not send to."""
        return self.errmsg is INVALID or self.errmsg is UNLICENSED


@dataclass(slots=True)  # frozen, it would take three times as long to make
class Outcome:
    """How sending to some receivers went. `refusal`: WeChat's no; `error`: what else stopped it as a whole.

    `held`: those of the accepted whose message WeChat keeps back for now, and delivers later by itself.
    """

    accepted: tuple[str, ...] = ()
    held: tuple[str, ...] = ()
    failed: tuple[Failure, ...] = ()
    unknown: tuple[str, ...] = ()
    msgids: tuple[str, ...] = ()
    refusal: Verdict | None = None
    error: EsbError | None = None

    @classmethod
    def joined(cls, outcomes: Sequence["Outcome"]) -> "Outcome":
        """The outcomes for different receivers as one; the first refusal and the first error speak for all."""
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
    def in_order(cls, outcomes: Sequence["Outcome"]) -> "Outcome":
        """The outcomes of pages for the same receivers as one: accepted is who got the last page too."""
        joined, accepted = cls.joined(outcomes), outcomes[-1].accepted
        held = tuple(receiver for receiver in accepted if receiver in joined.held)
        return replace(joined, accepted=accepted, held=held)

    @classmethod
    def stopped(
        cls, receivers: Sequence[str], error: EsbError, reason: Message, kind: str, retry_after: float | None
    ) -> "Outcome":
        """Nobody got it, and WeChat was not even asked."""
        failed = (Failure(receiver, None, reason, kind, retry_after) for receiver in receivers)
        return cls(failed=tuple(failed), error=error)

    @classmethod
    def answered(cls, receivers: tuple[str, ...], reply: Reply) -> "Outcome":
        """What WeChat's answer says of each receiver; under errcode 0 WeCom may name some who get nothing."""
        verdict, body = reply.verdict, reply.body
        named: tuple[Failure, ...] = ()
        others = receivers
        if body.get("invaliduser") or body.get("unlicenseduser"):
            named, others = _told_apart(receivers, body)
        if reply.accepted:
            msgid = body.get("msgid")
            msgids = () if msgid is None or msgid == "" else (str(msgid),)
            return cls(others, others if verdict.kind == "held" else (), named, (), msgids)
        if reply.half_read:
            return cls(failed=named, unknown=others, refusal=verdict)
        refused = (Failure(each, verdict.errcode, verdict.errmsg, verdict.kind, verdict.retry_after) for each in others)
        return cls(failed=(*named, *refused), refusal=verdict)

    def on_page(self, number: int, total: int) -> "Outcome":
        """The same, with every failure knowing how many pages went before."""
        return replace(self, failed=tuple(replace(failure, pages=number, of=total) for failure in self.failed))


def _told_apart(receivers: tuple[str, ...], body: Mapping[str, Any]) -> tuple[tuple[Failure, ...], tuple[str, ...]]:
    """Those whom the answer names as ones that get nothing, and the others."""
    missed = dict.fromkeys(_named(body.get("unlicenseduser")), UNLICENSED)
    missed |= dict.fromkeys(_named(body.get("invaliduser")), INVALID)
    named = tuple(
        Failure(receiver, INVALID_RECEIVER, missed[receiver.lower()], "receiver")
        for receiver in receivers
        if receiver.lower() in missed
    )
    return named, tuple(receiver for receiver in receivers if receiver.lower() not in missed)


def _named(value: Any) -> list[str]:
    """WeCom's "a|b", in the lower case that it uses."""
    if not value or not isinstance(value, str):
        return []
    return [name.strip().lower() for name in value.split("|") if name.strip()]

"""Whom a message reached: every receiver is accepted, failed or unknown, whatever way the sending went."""

from collections.abc import Awaitable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from esb.errors import EsbError, Limited, UpstreamError
from esb.wechat.account import Reply, WeChatError

INVALID_RECEIVER = 40003
"""Both platforms' code for a receiver that does not exist; WeCom lists such receivers under errcode 0."""


@dataclass(frozen=True, slots=True)
class Failure:
    """A receiver that did not get the message, or (`pages` of `of`) only the first pages of it."""

    receiver: str
    errcode: int | None
    errmsg: str
    pages: int = 0
    of: int = 1


@dataclass(frozen=True, slots=True)
class Outcome:
    """How sending to some receivers went. `error`: what stopped it, if it was stopped as a whole."""

    accepted: tuple[str, ...] = ()
    failed: tuple[Failure, ...] = ()
    unknown: tuple[str, ...] = ()
    msgids: tuple[str, ...] = ()
    refusal: Reply | None = None
    error: EsbError | None = None

    @classmethod
    def joined(cls, outcomes: Sequence["Outcome"]) -> "Outcome":
        """The outcomes for different receivers as one; the first refusal and the first error speak for all."""
        return cls(
            accepted=tuple(receiver for outcome in outcomes for receiver in outcome.accepted),
            failed=tuple(failure for outcome in outcomes for failure in outcome.failed),
            unknown=tuple(receiver for outcome in outcomes for receiver in outcome.unknown),
            msgids=tuple(msgid for outcome in outcomes for msgid in outcome.msgids),
            refusal=next((outcome.refusal for outcome in outcomes if outcome.refusal is not None), None),
            error=next((outcome.error for outcome in outcomes if outcome.error is not None), None),
        )

    @classmethod
    def in_order(cls, outcomes: Sequence["Outcome"]) -> "Outcome":
        """The outcomes of pages for the same receivers as one: accepted is who got the last page too."""
        return replace(cls.joined(outcomes), accepted=outcomes[-1].accepted)

    def on_page(self, number: int, total: int) -> "Outcome":
        """The same, with every failure knowing how many pages went before."""
        return replace(self, failed=tuple(replace(failure, pages=number, of=total) for failure in self.failed))


async def attempt(receivers: Sequence[str], sending: Awaitable[Reply]) -> Outcome:
    """The outcome of one send to these receivers, whichever way it ends."""
    everybody = tuple(receivers)
    try:
        reply = await sending
    except WeChatError as error:
        reply = Reply(error.errcode, error.errmsg, {})
    except UpstreamError as error:
        if error.sent:
            return Outcome(unknown=everybody, error=error)
        return Outcome(failed=_all(everybody, None, str(error.reason)), error=error)
    except Limited as error:
        return Outcome(failed=_all(everybody, None, str(error)), error=error)
    if reply.errcode:
        return Outcome(failed=_all(everybody, reply.errcode, reply.errmsg), refusal=reply)
    return _accepted(everybody, reply)


def _all(receivers: Sequence[str], errcode: int | None, errmsg: str) -> tuple[Failure, ...]:
    return tuple(Failure(receiver, errcode, errmsg) for receiver in receivers)


def _accepted(receivers: tuple[str, ...], reply: Reply) -> Outcome:
    """errcode 0; but WeCom may name receivers who do not get the message, in lower case."""
    invalid = _named(reply.body.get("invaliduser"))
    unlicensed = _named(reply.body.get("unlicenseduser"))
    msgid = reply.body.get("msgid")
    msgids = () if msgid in (None, "") else (str(msgid),)
    if not invalid and not unlicensed:
        return Outcome(accepted=receivers, msgids=msgids)
    accepted, failed = [], []
    for receiver in receivers:
        if receiver.lower() in invalid:
            failed.append(Failure(receiver, INVALID_RECEIVER, "invalid user"))
        elif receiver.lower() in unlicensed:
            failed.append(Failure(receiver, INVALID_RECEIVER, "unlicensed user"))
        else:
            accepted.append(receiver)
    return Outcome(accepted=tuple(accepted), failed=tuple(failed), msgids=msgids)


def _named(value: Any) -> frozenset[str]:
    """WeCom's "a|b"."""
    if not isinstance(value, str):
        return frozenset()
    return frozenset(name.strip().lower() for name in value.split("|") if name.strip())

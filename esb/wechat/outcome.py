"""Whom a message reached: every receiver is accepted, failed or unknown, whatever way the sending went."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from esb.call import Call
from esb.errors import EsbError, Limited, UpstreamError
from esb.flight import fan_out
from esb.wechat.account import Account, Reply, WeChatError
from esb.wechat.message import Message, Pages

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


async def deliver(account: Account, call: Call, messages: Sequence[Pages]) -> Outcome:
    """Sends them all, and tells for each receiver how that went."""
    return Outcome.joined(await fan_out(partial(_deliver_pages, account, call), messages, account.at_once))


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
    receivers = message.receivers
    try:
        reply = await account.post(call, message.endpoint, message.json())
    except WeChatError as error:
        reply = Reply(error.errcode, error.errmsg, {})
    except UpstreamError as error:
        if error.sent:
            return Outcome(unknown=receivers, error=error)
        return Outcome(failed=_all(receivers, None, str(error.reason)), error=error)
    except Limited as error:
        return Outcome(failed=_all(receivers, None, str(error)), error=error)
    if reply.errcode:
        return Outcome(failed=_all(receivers, reply.errcode, reply.errmsg), refusal=reply)
    return _accepted(receivers, reply)


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

"""Whom a message reached: every receiver is accepted, failed or unknown, whatever way the sending went."""

from collections.abc import Mapping, Sequence
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
INVALID = "invalid user"
UNLICENSED = "unlicensed user"


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
    return _answered(receivers, reply)


def _all(receivers: Sequence[str], errcode: int | None, errmsg: str) -> tuple[Failure, ...]:
    return tuple(Failure(receiver, errcode, errmsg) for receiver in receivers)


def _answered(receivers: tuple[str, ...], reply: Reply) -> Outcome:
    """What WeChat's answer says of each receiver. WeCom names those it does not know, under errcode 0 too."""
    missed = dict.fromkeys(_named(reply.body.get("unlicenseduser")), UNLICENSED)
    missed |= dict.fromkeys(_named(reply.body.get("invaliduser")), INVALID)
    if reply.errcode:
        return Outcome(failed=_missing(receivers, missed, reply.errcode, reply.errmsg), refusal=reply)
    msgid = reply.body.get("msgid")
    msgids = () if msgid in (None, "") else (str(msgid),)
    if not missed:
        return Outcome(accepted=receivers, msgids=msgids)
    named = tuple(receiver for receiver in receivers if receiver.lower() in missed)
    accepted = tuple(receiver for receiver in receivers if receiver.lower() not in missed)
    return Outcome(accepted=accepted, failed=_missing(named, missed), msgids=msgids)


def _missing(
    receivers: Sequence[str], missed: Mapping[str, str], errcode: int | None = None, errmsg: str = ""
) -> tuple[Failure, ...]:
    """Why each did not get the message: because of what it is, or for the reason that counts for all."""
    return tuple(
        Failure(receiver, INVALID_RECEIVER, missed[receiver.lower()])
        if receiver.lower() in missed
        else Failure(receiver, errcode, errmsg)
        for receiver in receivers
    )


def _named(value: Any) -> frozenset[str]:
    """WeCom's "a|b"."""
    if not isinstance(value, str):
        return frozenset()
    return frozenset(name.strip().lower() for name in value.split("|") if name.strip())

"""Whom a mail, a text message or a voice call reached, and what the caller is told about it."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from esb.channels.recipients import Audience
from esb.core.errors import EsbError, Limited, Message, QuotaUsedUp, Refused, UpstreamError
from esb.core.redaction import redacted

SHOWN = 300
"""How many characters of an upstream's own text a caller sees at most."""
_CODE = re.compile(r"[A-Za-z0-9_.-]{1,80}")
_ADDRESS = re.compile(r"https?://\S+", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Miss:
    """An address that was not reached, and the upstream's own code for why (None: the upstream was not asked)."""

    address: str
    errcode: int | str | None
    errmsg: Message | str


@dataclass(frozen=True, slots=True)
class Reached:
    """How sending to some addresses went.

    `error`: what stopped it, if it was stopped as a whole. `retry_after`: when to come again, if all that was refused
    was refused for now. `answered`: the data of a relay's own answer.
    """

    accepted: tuple[str, ...] = ()
    failed: tuple[Miss, ...] = ()
    unknown: tuple[str, ...] = ()
    msgids: tuple[str, ...] = ()
    error: UpstreamError | Limited | None = None
    retry_after: float = 0.0
    answered: Any = None


def stopped(addresses: Sequence[str], error: UpstreamError | Limited) -> Reached:
    """Nobody is known to be reached: the upstream failed, and may or may not have acted."""
    if isinstance(error, UpstreamError) and error.sent:
        return Reached(unknown=tuple(addresses), error=error)
    reason = error.reason if isinstance(error, UpstreamError) else error.message
    return Reached(failed=tuple(Miss(address, None, reason) for address in addresses), error=error)


def joined(parts: Sequence[Reached]) -> Reached:
    """What happened to different addresses, as one; the first error speaks for all."""
    refused = [part for part in parts if part.failed]
    for_now = bool(refused) and all(part.retry_after for part in refused)
    return Reached(
        accepted=tuple(address for part in parts for address in part.accepted),
        failed=tuple(miss for part in parts for miss in part.failed),
        unknown=tuple(address for part in parts for address in part.unknown),
        msgids=tuple(msgid for part in parts for msgid in part.msgids),
        error=next((part.error for part in parts if part.error is not None), None),
        retry_after=max(part.retry_after for part in refused) if for_now else 0.0,
    )


def answer(audience: Audience, reached: Reached, *, failed: Message, some_users: str) -> Any:
    """The answer's data; raised as an error unless everybody was accepted.

    `failed` says in the channel's words that sending failed, `some_users` (a template) that user names were wrong.
    """
    data = _data(audience, reached)
    if reached.error is not None:
        raise _told(reached.error, data)
    if reached.retry_after:
        data["retry_after"] = reached.retry_after
        raise QuotaUsedUp(failed.template, reached.retry_after, data, **failed.values)
    if reached.failed:
        raise Refused(failed.template, data, **failed.values)
    complaint = audience.complaint()
    if complaint is not None:
        raise EsbError(some_users, data, complaint=complaint)
    if reached.answered is None:
        return data
    if isinstance(reached.answered, dict):
        return {**reached.answered, **data}
    return reached.answered  # data of another type was never touched


def shown(text: Any, *secrets: str) -> str:
    """An upstream's own text as a caller may read it: one line, no address, no secret of ours, not long."""
    return " ".join(redacted(_ADDRESS.sub("", str(text or "")), secrets).split())[:SHOWN]


def shown_code(code: Any, *secrets: str) -> int | str:
    """An upstream's own code; -1 if what stands there is none: an upstream may write anything."""
    if isinstance(code, int):
        return code
    return code if isinstance(code, str) and _CODE.fullmatch(code) and code not in secrets else -1


def _data(audience: Audience, reached: Reached) -> dict[str, Any]:
    failed = [
        {"receiver": name, "errcode": miss.errcode, "errmsg": miss.errmsg}
        for miss in reached.failed
        for name in audience.names([miss.address])
    ]
    data = audience.told(reached.accepted, failed, reached.unknown, reached.msgids)
    refusal = next((miss for miss in reached.failed if miss.errcode is not None), None)
    if refusal is not None:
        data |= {"errcode": refusal.errcode, "errmsg": refusal.errmsg}
    return data


def _told(error: UpstreamError | Limited, data: dict[str, Any]) -> EsbError:
    """The error, which is this call's own, with whom the sending reached."""
    error.data = data | {"retry_after": error.retry_after} if isinstance(error, Limited) else data
    return error

"""The words of a WeChat sending that did not reach everybody: the old ESB's, with class, cause and remedy."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from esb.channels.outcome import DeliveryOutcome, stopped_class
from esb.channels.recipients import Audience
from esb.channels.verdict import IN_DOUBT, Verdict, advice
from esb.channels.wechat.account import INVALID, INVALID_PARTY, INVALID_TAG, UNLICENSED
from esb.core.errors import EsbError, Limited, Message, QuotaUsedUp, Refused, UpstreamError, template

INVALID_ARGUMENT = 47003
"""An official account's errcode for a template field that breaks the rule of its type."""
TEMPLATE_KEY = re.compile(r"\bdata\.(\w+)")


@dataclass(frozen=True, slots=True)
class WeChatWording:
    """`fields`: key of an official account's template -> the parameter that it shows."""

    fields: Mapping[str, str] = field(default_factory=dict)
    some_users: str = template("Some users failed to send wechat message. {complaint}")

    def failure(self, audience: Audience, outcome: DeliveryOutcome, data: dict[str, Any]) -> EsbError:
        """Return what the caller is told: WeChat's refusal before all, else what stopped the sending."""
        refusal = outcome.refusal
        if refusal is not None:
            data |= refusal.data() | _field(refusal, self.fields)
        elif outcome.error is None:
            data |= advice("receiver")
        if outcome.unknown:
            data |= IN_DOUBT
        if outcome.error is not None and (refusal is None or refusal.in_doubt):
            return _stopped(outcome, outcome.error, data)
        text = _sending_failed(audience, outcome)
        if refusal is not None and refusal.kind == "quota":
            return QuotaUsedUp(text.template, refusal.retry_after or 60.0, data, **text.values)
        return Refused(text.template, data, **text.values)


WORDING = WeChatWording()


def _field(refusal: Verdict, fields: Mapping[str, str]) -> dict[str, Any]:
    """Return which parameter WeChat means by "data.thing5.value invalid"."""
    named = TEMPLATE_KEY.search(refusal.errmsg) if refusal.errcode == INVALID_ARGUMENT else None
    if named is None or named[1] not in fields:
        return {}
    parameter, key = fields[named[1]], named[1]
    return {
        "field": parameter,
        "hint": Message(
            "{hint} It is {key}, which shows {field}.", {"hint": refusal.hint, "key": key, "field": parameter}
        ),
    }


def _sending_failed(audience: Audience, outcome: DeliveryOutcome) -> Message:
    """Return the old ESB's words: "…sending failed[, invalid user: a|b][, WeChat's errmsg]"."""
    invalid = _named(audience, outcome, (INVALID, UNLICENSED))
    groups = "" if invalid else _named(audience, outcome, (INVALID_PARTY, INVALID_TAG))
    errmsg = outcome.refusal.errmsg if outcome.refusal is not None else ""
    if groups:
        text = template("WeChat message sending failed, invalid department or tag: {groups}")
    elif invalid and errmsg:
        text = template("WeChat message sending failed, invalid user: {invalid}, {errmsg}")
    elif invalid:
        text = template("WeChat message sending failed, invalid user: {invalid}")
    elif errmsg:
        text = template("WeChat message sending failed, {errmsg}")
    else:
        text = template("WeChat message sending failed")
    return Message(text, {"invalid": invalid, "groups": groups, "errmsg": errmsg})


def _named(audience: Audience, outcome: DeliveryOutcome, reasons: tuple[Message, ...]) -> str:
    """Return the names of those who failed for one of these reasons."""
    failed = [failure.receiver for failure in outcome.failed if any(failure.errmsg is reason for reason in reasons)]
    return "|".join(audience.names(failed))


def _stopped(outcome: DeliveryOutcome, error: UpstreamError | Limited, data: dict[str, Any]) -> EsbError:
    """Return what stopped the sending, with whom it reached."""
    if isinstance(error, Limited):
        waits = [failure.retry_after for failure in outcome.failed if failure.retry_after is not None]
        wait = max(waits, default=error.retry_after)
        data |= advice("quota", retryable=not outcome.unknown, retry_after=wait)
        return QuotaUsedUp("WeChat message sending failed, {reason}", wait, data, reason=error.message)
    data |= advice(stopped_class(error), retryable=error.transient and not outcome.unknown)
    return error.with_data(data)

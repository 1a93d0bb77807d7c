"""What a caller is told about a sending: whom it reached, and in the old ESB's words what went wrong."""

import re
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any

from esb.channels.recipients import Audience
from esb.channels.wechat.outcome import Failure, Outcome
from esb.channels.wechat.verdict import Verdict
from esb.core.errors import EsbError, Limited, Message, QuotaUsedUp, Refused, UpstreamError, template

INVALID_ARGUMENT = 47003
"""An official account's errcode for a template field that breaks the rule of its type."""
TEMPLATE_KEY = re.compile(r"\bdata\.(\w+)")
NO_FIELDS: Mapping[str, str] = MappingProxyType({})


def answer(
    audience: Audience,
    outcome: Outcome,
    warnings: Sequence[dict[str, Any]] = (),
    fields: Mapping[str, str] = NO_FIELDS,
) -> dict[str, Any]:
    """The answer's data; raised as an error unless everybody was accepted.

    `fields`: key of an official account's template -> the parameter that it shows.
    """
    failed = _entries(audience, outcome.failed) if outcome.failed else ()
    data = audience.told(outcome.accepted, failed, outcome.unknown, outcome.msgids)
    if outcome.held:
        data["held"] = audience.names(outcome.held)
    if warnings:
        data["warnings"] = list(warnings)
    if failed or outcome.refusal is not None or outcome.error is not None:
        raise _error(audience, outcome, data, fields)
    if (complaint := audience.complaint()) is not None:
        raise EsbError("Some users failed to send wechat message. {complaint}", data, complaint=complaint)
    return data


def _error(audience: Audience, outcome: Outcome, data: dict[str, Any], fields: Mapping[str, str]) -> EsbError:
    """What the caller of a sending is told that did not reach everybody."""
    refusal = outcome.refusal
    if refusal is not None:
        data |= refusal.data() | _field(refusal, fields)
    elif outcome.error is None:
        data |= {"class": "receiver", "retryable": False, "retry_after": None}
    if outcome.unknown:
        data |= {"outcome": "unknown", "retryable": False}  # a repetition could be the second one for them
    if refusal is None and outcome.error is not None:
        return _stopped(outcome, data)
    text = _sending_failed(audience, outcome)
    if refusal is not None and refusal.kind == "quota":
        return QuotaUsedUp(text.template, refusal.retry_after or 60.0, data, **text.values)
    return Refused(text.template, data, **text.values)


def _field(refusal: Verdict, fields: Mapping[str, str]) -> dict[str, Any]:
    """Which parameter WeChat means by "data.thing5.value invalid"."""
    named = TEMPLATE_KEY.search(refusal.errmsg) if refusal.errcode == INVALID_ARGUMENT else None
    if named is None or named[1] not in fields:
        return {}
    field, key = fields[named[1]], named[1]
    return {
        "field": field,
        "hint": Message("{hint} It is {key}, which shows {field}.", {"hint": refusal.hint, "key": key, "field": field}),
    }


def _entries(audience: Audience, failed: Sequence[Failure]) -> list[dict[str, Any]]:
    return [_entry(failure, name) for failure in failed for name in audience.names([failure.receiver])]


def _entry(failure: Failure, name: str) -> dict[str, Any]:
    entry: dict[str, Any] = {
        "receiver": name,
        "errcode": failure.errcode,
        "errmsg": failure.errmsg,
        "class": failure.kind,
    }
    if failure.retry_after is not None:
        entry["retry_after"] = failure.retry_after
    if failure.pages:
        entry |= {"pages_accepted": failure.pages, "pages": failure.of}
    return entry


def _sending_failed(audience: Audience, outcome: Outcome) -> Message:
    """The old ESB's words: "…sending failed[, invalid user: a|b][, WeChat's errmsg]"."""
    invalid = "|".join(audience.names([failure.receiver for failure in outcome.failed if failure.invalid]))
    errmsg = outcome.refusal.errmsg if outcome.refusal is not None else ""
    if invalid and errmsg:
        text = template("WeChat message sending failed, invalid user: {invalid}, {errmsg}")
    elif invalid:
        text = template("WeChat message sending failed, invalid user: {invalid}")
    elif errmsg:
        text = template("WeChat message sending failed, {errmsg}")
    else:
        text = template("WeChat message sending failed")
    return Message(text, {"invalid": invalid, "errmsg": errmsg})


def _stopped(outcome: Outcome, data: dict[str, Any]) -> EsbError:
    """What stopped the sending, told together with whom it reached."""
    error = outcome.error
    if isinstance(error, Limited):
        wait = max((failure.retry_after or 0.0 for failure in outcome.failed), default=error.retry_after)
        data |= {"class": "quota", "retryable": not outcome.unknown, "retry_after": wait}
        return QuotaUsedUp("WeChat message sending failed, {reason}", wait, data, reason=error.message)
    assert isinstance(error, UpstreamError)  # noqa: S101 - nothing else stops a sending
    retryable = error.transient and not outcome.unknown
    data |= {"class": "busy" if error.transient else "config", "retryable": retryable, "retry_after": None}
    return error.with_data(data)

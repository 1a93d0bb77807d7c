"""What a caller is told about a sending: whom it reached, and in the old ESB's words what went wrong."""

from collections.abc import Sequence
from typing import Any

from esb.audience import Audience, delivery
from esb.errors import EsbError, Limited, Message, QuotaUsedUp, Refused, UpstreamError, template
from esb.wechat.outcome import Failure, Outcome


def answer(audience: Audience, outcome: Outcome, warnings: Sequence[dict[str, Any]] = ()) -> dict[str, Any]:
    """The answer's data; raised as an error unless everybody was accepted."""
    data = _data(audience, outcome)
    if warnings:
        data["warnings"] = list(warnings)
    refusal = outcome.refusal
    if refusal is not None:
        data |= refusal.data()
    elif outcome.failed and outcome.error is None:
        data |= {"class": "receiver", "retryable": False, "retry_after": None}
    text = _sending_failed(audience, outcome)
    if refusal is not None and refusal.kind == "quota":
        raise QuotaUsedUp(text.template, refusal.retry_after or 60.0, data, **text.values)
    if refusal is None and outcome.error is not None:
        raise _stopped(outcome, data)
    if outcome.failed:
        raise Refused(text.template, data, **text.values)
    if (complaint := audience.complaint()) is not None:
        raise EsbError("Some users failed to send wechat message. {complaint}", data, complaint=complaint)
    return data


def _data(audience: Audience, outcome: Outcome) -> dict[str, Any]:
    failed = [
        _entry(failure, name) for failure in outcome.failed for name in audience.names([failure.receiver])
    ] + audience.missed()
    accepted, unknown = audience.names(outcome.accepted), audience.names(outcome.unknown)
    return {"username_check": audience.checked(), **delivery(accepted, failed, unknown, outcome.msgids)}


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
        data |= {"class": "quota", "retryable": True, "retry_after": error.retry_after}
        return QuotaUsedUp("WeChat message sending failed, {reason}", error.retry_after, data, reason=error.message)
    assert isinstance(error, UpstreamError)  # noqa: S101 - nothing else stops a sending
    if outcome.unknown:
        data["outcome"] = "unknown"
    data |= {"class": "busy" if error.transient else "config", "retryable": error.transient and not outcome.unknown}
    return error.with_data(data)

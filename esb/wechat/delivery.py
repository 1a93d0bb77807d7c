"""What a caller is told about a sending: whom it reached, and in the old ESB's words what went wrong."""

from typing import Any

from esb.audience import Audience, delivery
from esb.errors import EsbError, Limited, Message, QuotaUsedUp, Refused, UpstreamError
from esb.wechat.account import Account
from esb.wechat.errcodes import RATE_LIMITED, retry_after
from esb.wechat.outcome import INVALID, UNLICENSED, Outcome


def answer(account: Account, audience: Audience, outcome: Outcome) -> dict[str, Any]:
    """The answer's data; raised as an error unless everybody was accepted."""
    data = _data(audience, outcome)
    complaint = audience.complaint()
    if outcome.refusal is not None:
        data["errcode"], data["errmsg"] = outcome.refusal.errcode, outcome.refusal.errmsg
    text = _sending_failed(audience, outcome)
    if outcome.refusal is not None and outcome.refusal.errcode in RATE_LIMITED:
        seconds = retry_after(account.platform, outcome.refusal.errcode)
        data["retry_after"] = seconds
        raise QuotaUsedUp(text.template, seconds, data, **text.values)
    if outcome.refusal is None and outcome.error is not None:
        raise _with_data(outcome.error, data)
    if outcome.failed:
        raise Refused(text.template, data, **text.values)
    if complaint is not None:
        raise EsbError("Some users failed to send wechat message. {complaint}", data, complaint=complaint)
    return data


def _data(audience: Audience, outcome: Outcome) -> dict[str, Any]:
    failed = []
    for failure in outcome.failed:
        for name in audience.names([failure.receiver]):
            entry = {"receiver": name, "errcode": failure.errcode, "errmsg": failure.errmsg}
            if failure.pages:
                entry |= {"pages_accepted": failure.pages, "pages": failure.of}
            failed.append(entry)
    return {
        "username_check": audience.checked(),
        **delivery(
            audience.names(outcome.accepted),
            failed + audience.missed(),
            audience.names(outcome.unknown),
            outcome.msgids,
        ),
    }


def _sending_failed(audience: Audience, outcome: Outcome) -> Message:
    """The old ESB's words: "…sending failed[, invalid user: a|b][, WeChat's errmsg]"."""
    invalid = [failure.receiver for failure in outcome.failed if failure.errmsg in {INVALID, UNLICENSED}]
    values = {}
    template = "WeChat message sending failed"
    if invalid:
        template += ", invalid user: {invalid}"
        values["invalid"] = "|".join(audience.names(invalid))
    if outcome.refusal is not None and outcome.refusal.errmsg:
        template += ", {errmsg}"
        values["errmsg"] = outcome.refusal.errmsg
    return Message(template, values)


def _with_data(error: EsbError, data: dict[str, Any]) -> EsbError:
    """The error that stopped a sending, told together with whom it reached."""
    if isinstance(error, UpstreamError):
        return UpstreamError(
            error.system, error.interface, error.reason, sent=error.sent, http_status=error.http_status, data=data
        )
    if isinstance(error, Limited):
        retry = {"retry_after": error.retry_after}
        return Limited(error.message.template, error.retry_after, data | retry, **error.message.values)
    return error

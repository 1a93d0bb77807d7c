"""The form in which an answer is kept, and replayed to a repetition of its call."""

from collections.abc import Mapping
from typing import Any

from esb.contracts.component import Envelope, Reply
from esb.core import json_codec, json_values
from esb.core.call import Call
from esb.core.errors import EsbError, Message, UpstreamError
from esb.core.plain_messages import from_plain, plain
from esb.core.reasons import Reason
from esb.incoming.envelope import CRASHED, GENERAL_FAILURE


class OutcomeUnknown(EsbError):
    """A call that may have sent something, and is not made again."""

    code = UpstreamError.code
    source = "gateway"
    call_reason = Reason.CUT_OFF


def answered(answer: Any) -> dict[str, Any]:
    """Return the envelope of a component's answer. Of an answer without one, only its success is kept."""
    if isinstance(answer, Envelope):
        return dict(answer)
    if isinstance(answer, Reply):
        return {"result": answer.status < 400}
    return {"result": True, "code": 0, "message": "OK", "data": answer}


def failed(error: EsbError) -> dict[str, Any]:
    """Return the envelope of an error."""
    return {"result": False, "code": error.code, "message": error.message, "data": error.data}


def crashed() -> dict[str, Any]:
    """Return the envelope of a call that broke off with a bug, after it had sent something."""
    return {
        "result": False,
        "code": GENERAL_FAILURE,
        "message": Message(CRASHED),
        "data": {"outcome": "unknown", "retryable": False},
    }


def cut_off(call: Call) -> UpstreamError:
    """Return the error of a call whose time is over, and that may have sent something: nobody knows what."""
    system, _, interface = call.component.partition(".")
    reason = Message(
        "Third-party system interface response time exceeds {seconds:g} seconds", {"seconds": call.timeout}
    )
    return UpstreamError(system, interface, reason, data={"outcome": "unknown", "retryable": False})


def broken_off() -> EsbError:
    """Return the error of a repetition whose first call never ended: its process was killed, perhaps."""
    return OutcomeUnknown(
        "The first call with this idempotency key was broken off: whether anything was sent is unknown",
        {"outcome": "unknown", "retryable": False, "replayed": True},
    )


def encoded(envelope: Mapping[str, Any]) -> bytes:
    """Encode an envelope for repetitions. TypeError or ValueError if it holds what JSON does not."""
    return json_codec.encode(plain(envelope), json_values.plain)


def restored(answer: bytes) -> Envelope:
    """Return the envelope for a repetition."""
    envelope = from_plain(json_codec.decode(answer))
    data = envelope.get("data")
    if data is None or isinstance(data, dict):
        envelope["data"] = {**(data or {}), "replayed": True}
    return Envelope(envelope)

"""An upstream's answer as its caller gets it: decoded, judged, and with the upstream's own reasons where it says no."""

from collections.abc import Mapping
from email.message import Message as Head
from typing import Any

from esb import Envelope, Target, UpstreamError
from esb.core.character_sets import CHARACTER_SETS
from esb.core.errors import Limited, Message, template
from esb.incoming.envelope import GENERAL_FAILURE
from esb.outgoing.client import Answer, may_have_acted, read_json
from esb.outgoing.json_answer import accepts, failed_status
from esb.outgoing.retry_after import TOO_MANY_REQUESTS, retry_after, too_many_requests

SUCCESS = range(200, 300)
WITHOUT_CONTENT = frozenset({204, 205})
"""Statuses of answers that have no body, whatever comes behind their heads."""
UNKNOWN_CHARSET = template("the character set that the response declares is not known here")
NOT_UTF8 = template("the response is not in the character set that it declares, or not UTF-8 and declares none")
LONGEST_TYPE = 500
"""Characters of a Content-Type that are looked at: the standard library takes a time that grows with their square."""

Read = tuple[Any, Mapping[str, Any] | None]
"""The answer of a component, and the JSON object that tells the log of success."""


class Declined(UpstreamError):
    """An upstream that answered with the HTTP status of a failure, and said why in an envelope: for the caller alone.

    The log tells the status; what the upstream wrote may repeat the request.
    """

    def __init__(self, target: Target, answer: Answer, envelope: Envelope) -> None:
        super().__init__(
            target.system,
            target.interface,
            failed_status(answer.status),
            sent=may_have_acted(answer.status),
            http_status=answer.status,
        )
        self.envelope = envelope
        self.retry_after = retry_after(answer.headers.get("Retry-After"))
        """Seconds after which the upstream wants to be asked again, if it says so."""


class AnswerReader:
    """The reader of one component's answers. `code` and `message` are the names that its upstream gives these two."""

    def __init__(self, *, is_envelope: bool, code: str, message: str) -> None:
        self._is_envelope = is_envelope
        self._code = code
        self._message = message

    def read(self, target: Target, answer: Answer) -> Read:
        """Return what this answer says. UpstreamError, Declined or Limited if that is no success."""
        if answer.status not in SUCCESS:
            raise self._failure(target, answer)
        if answer.status in WITHOUT_CONTENT or (not answer.body and answer.status != 200):
            return None, None
        payload = read_json(target, _in_utf8(target, answer), SUCCESS, exact=True)
        if not self._is_envelope:
            return payload, None
        if not isinstance(payload, dict):
            raise UpstreamError(
                target.system, target.interface, "interface response is not the JSON format", http_status=answer.status
            )
        return self._envelope(payload), payload

    def _envelope(self, payload: Mapping[str, Any]) -> Envelope:
        """Return the upstream's envelope under the gateway's own names; further keys stay."""
        envelope = Envelope(payload)
        for name, own in ((self._code, "code"), (self._message, "message")):
            if name in payload:
                envelope[own] = payload[name]
        is_success = _is_zero(envelope.get("code"))
        said = accepts(payload) if "result" in payload else (is_success if "code" in envelope else None)
        if said is not None:
            envelope["result"] = said
        if said is False and (is_success or isinstance(envelope.get("code"), bool)):
            envelope["code"] = GENERAL_FAILURE  # whoever looks at the code alone must not take it for success
        return envelope

    def _failure(self, target: Target, answer: Answer) -> UpstreamError | Limited:
        said = self._said(target, answer)
        if answer.status == TOO_MANY_REQUESTS:
            return too_many_requests(target, answer, "" if said is None else said["message"])
        if said is not None:
            return Declined(target, answer, said)
        try:
            read_json(target, answer, SUCCESS)
        except UpstreamError as error:
            seconds = retry_after(answer.headers.get("Retry-After"))
            return error if seconds is None else error.with_data({"retry_after": seconds})
        raise AssertionError("a status of failure was read as success")

    def _said(self, target: Target, answer: Answer) -> Envelope | None:
        """Return the envelope in an answer with the status of a failure; None if it says nothing for people."""
        try:
            payload = read_json(target, _in_utf8(target, answer), (answer.status,), exact=True)
        except UpstreamError:
            return None
        if not isinstance(payload, dict):
            return None
        envelope = self._envelope(payload)
        if not isinstance(envelope.get("message"), str) or not envelope["message"]:
            return None
        envelope["result"] = False
        if envelope.get("code") is None or _is_zero(envelope["code"]):
            envelope["code"] = UpstreamError.code
        return envelope


def _is_zero(code: Any) -> bool:
    """Return True for a code of success: 0, or "0" and "00", as BlueKing's systems write it."""
    if isinstance(code, str):
        return bool(code) and not code.strip("0")
    return code == 0 and not isinstance(code, bool)


def _in_utf8(target: Target, answer: Answer) -> Answer:
    """Return the same answer in UTF-8. UpstreamError if it is not in the character set that it declares."""
    declared = _declared(answer.headers.get("Content-Type", ""))
    codec = CHARACTER_SETS.get(declared, "") if declared else "utf-8"
    reason = UNKNOWN_CHARSET
    if codec:
        try:
            text = answer.body.decode(codec)
        except UnicodeDecodeError:
            reason = NOT_UTF8
        else:
            return answer if codec in {"utf-8", "ascii"} else Answer(answer.status, answer.headers, text.encode())
    raise UpstreamError(target.system, target.interface, Message(reason), http_status=answer.status)


def _declared(content_type: str) -> str:
    """Return the character set that a Content-Type declares, in lower case; "" for none."""
    parameters = content_type.partition(";")[2].strip().lower()
    if parameters == "charset=utf-8":  # nearly always
        return "utf-8"
    if "charset" not in parameters:
        return ""
    head = Head()
    head["Content-Type"] = content_type[:LONGEST_TYPE]
    return (head.get_content_charset() or "").strip("'")

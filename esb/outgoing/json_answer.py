"""The JSON in an answer, read as leniently as its sender wrote it."""

import re
from collections.abc import Collection, Mapping
from typing import Any

from esb.core import json_codec
from esb.core.errors import Message, UpstreamError
from esb.core.json_bounds import exceeded
from esb.outgoing.engine import Answer, Target

MOST_NODES = 500_000
"""The values and names of an upstream's JSON: small objects take thirty times as much decoded as written."""
MOST_LEVELS = 1000
"""The levels of an upstream's JSON: as deep as decoders go."""
_CODE = re.compile(r"-?[0-9]{1,20}")
YES, NO = ("true", "1"), ("false", "0", "null", "")
"""Spellings of an answer's `result`."""


def own_code(value: Any) -> int | str | None:
    """Return an upstream's own code for the log, if it is one: it may have written anything there, our secrets too."""
    if type(value) is int:  # nearly always; bench: send
        return value
    if isinstance(value, str):
        return value if _CODE.fullmatch(value) else None
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def accepts(answer: Mapping[str, Any]) -> bool | None:
    """Return what an answer's `result` says, in whichever type it is written; None if it is missing or says neither."""
    if "result" not in answer:
        return None
    result = answer["result"]
    if result is None:
        return False
    if isinstance(result, bool | int | float):
        return bool(result) if result in (0, 1) else None
    said = result.strip().lower() if isinstance(result, str) else None
    return True if said in YES else False if said in NO else None


def read_object(target: Target, answer: Answer, statuses: Collection[int] = (200,)) -> dict[str, Any]:
    """Return the JSON object in this answer. UpstreamError as `read_json`, and for any other JSON."""
    payload = read_json(target, answer, statuses)
    if not isinstance(payload, dict):
        raise _no_json(target, answer)
    return payload


def failed_status(status: int) -> Message:
    """Return the reason for the failure of an answer with such an HTTP status."""
    return Message(
        "Status Code: {status}, Error Message: third-party system interface response status code is not 200",
        {"status": status},
    )


def read_json(target: Target, answer: Answer, statuses: Collection[int] = (200,), *, exact: bool = False) -> Any:
    """Return the JSON value in this answer. UpstreamError if there is none, or its status is none of these.

    `exact`: whoever gets the value is to see what the upstream wrote, so nothing is read as something else.
    """
    if answer.status not in statuses:
        raise UpstreamError(
            target.system,
            target.interface,
            failed_status(answer.status),
            sent=may_have_acted(answer.status),
            http_status=answer.status,
        )
    body = answer.body
    if len(body) > 2 * MOST_LEVELS and (bound := exceeded(body, MOST_NODES, MOST_LEVELS)):  # a level takes two bytes
        if bound == "nesting":
            raise _no_json(target, answer)
        raise UpstreamError(
            target.system, target.interface, Message("the response is too large"), http_status=answer.status
        )
    try:
        return json_codec.decode_exact(body) if exact else json_codec.decode_lenient(body)
    except ValueError:
        raise _no_json(target, answer) from None


def _no_json(target: Target, answer: Answer) -> UpstreamError:
    return UpstreamError(
        target.system, target.interface, "interface response is not the JSON format", http_status=answer.status
    )


def may_have_acted(status: int) -> bool:
    """Return whether an upstream that answered with this HTTP status may have done as it was asked.

    One that redirects has not: the request is meant for another place, be it for https, a log-in or a captive portal,
    and nobody follows. 303 alone says that it was handled, and where to read about that (RFC 9110, 15.4.4).
    """
    return status < 300 or status >= 500 or status in {303, 408, 429}

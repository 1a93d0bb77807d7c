"""The responses of a call, as OpenAPI describes them."""

from typing import Any

from esb.contracts.component import Envelope, Reply
from esb.introspect.caller_contract import CODES, AnswerEnvelope
from esb.introspect.declared import Declared
from esb.introspect.json_schema import Schema, schema_of

JSON = "application/json"
REQUEST_ID_HEADER: Schema = {
    "X-Bkapi-Request-Id": {
        "description": "id of the call, equal to `request_id`",
        "required": True,
        "schema": {"type": "string", "pattern": "^[0-9a-fA-F]{32}$"},
    }
}
_ENVELOPE = schema_of(AnswerEnvelope)
_FAILURE: Schema = {
    "result": {"const": False},
    "code": {
        "type": "integer",
        "not": {"const": 0},
        "description": "\n".join(f"- {code}: {text}" for code, text in CODES.items() if code),
    },
    "data": {"description": "what is known of the failure, and whom a message reached; null if nothing is"},
}
"""The properties of a failure that no success has."""


def _envelope(description: str, **properties: Any) -> Schema:
    return {**_ENVELOPE, "description": description, "properties": {**_ENVELOPE["properties"], **properties}}


ENVELOPES: dict[str, Schema] = {
    "Failure": _envelope("The call failed.", **_FAILURE),
    "Foreign": {
        **_ENVELOPE,
        "description": "Another system's own answer, completed with what an envelope lacks.",
        "properties": {name: {} for name in ("result", "code", "message", "data")}
        | {"request_id": _ENVELOPE["properties"]["request_id"]},
    },
}
STATUSES = {
    "404": "There is no such path or method.",
    "413": "The body is too large.",
    "503": "The gateway is shutting down, or not ready yet.",
}

TOLD = {
    "400": "The request or its parameters are wrong.",
    "401": "It is not established who calls.",
    "403": "The application may not call this component.",
    "404": "There is no such path or method, or the component is switched off.",
    "422": "The message was refused, or it is not known what became of it: the same call does no better.",
    "500": "The component failed.",
    "503": "Not now: nothing was sent. Retry-After says when to come again, where that is known.",
}
"""Those of a component that tells of failures by status; else their status is 200."""


def answers(declared: Declared) -> Schema:
    """Return the responses of an operation."""
    failure = {"$ref": "#/components/schemas/Failure"}
    if declared.component.answer_type is Reply:
        described = "The other system's own answer, as it comes; a failure of the gateway is an envelope."
        return {"default": {"description": described, "headers": _headers(), "content": {"*/*": {"schema": {}}}}}
    if declared.component.answer_type is Envelope:
        foreign = {"$ref": "#/components/schemas/Foreign"}
        answered = _response("The envelope of the other system, or a failure.", foreign)
    else:
        success = {"$ref": f"#/components/schemas/{declared.key}.answer"}
        answered = _response("The call's envelope.", {"oneOf": [success, failure]})
    statuses = {**STATUSES, **(TOLD if declared.component.tells_status else {})}
    return {"200": answered, **{status: _response(text, failure) for status, text in sorted(statuses.items())}}


def success(data: Schema) -> Schema:
    """Return the envelope of a call that succeeded, with this data."""
    return _envelope("The call succeeded.", result={"const": True}, code={"const": 0}, data=data)


def _response(description: str, schema: Schema) -> Schema:
    return {"description": description, "headers": _headers(), "content": {JSON: {"schema": schema}}}


def _headers() -> Schema:
    return {name: {"$ref": f"#/components/headers/{name}"} for name in REQUEST_ID_HEADER}

"""The responses of a call, as OpenAPI describes them."""

from esb.contracts.component import Envelope, Reply
from esb.core.messages import template
from esb.introspect.declared import Declared
from esb.introspect.examples import answer_example
from esb.introspect.json_schema import Schema
from esb.introspect.openapi_schemas import BELOW, FAILURE, FOREIGN, Schemas

JSON = "application/json"
REQUEST_ID_HEADER: Schema = {
    "X-Bkapi-Request-Id": {
        "description": template("id of the call, equal to `request_id`"),
        "required": True,
        "schema": {"type": "string", "pattern": "^[0-9a-fA-F]{32}$"},
    }
}
RAW: Schema = {
    "application/octet-stream": {"schema": {"type": "string", "format": "binary"}},
    "*/*": {"schema": {}},
}
"""Bytes of whatever type; the first line is for generators that know no `*/*`."""
OWN = template("The call's envelope: `result` tells success from failure.")
STATUSES = {
    "404": template("There is no such path or method."),
    "413": template("The body is too large."),
    "503": template("The gateway is shutting down, or not ready yet."),
}

TOLD = {
    "400": template("The request or its parameters are wrong."),
    "401": template("It is not established who calls."),
    "403": template("The application may not call this component."),
    "404": template("There is no such path or method, or the component is switched off."),
    "422": template("The message was refused, or it is not known what became of it: the same call does no better."),
    "500": template("The component failed."),
    "503": template("Not now: nothing was sent. Retry-After says when to come again, where that is known."),
}
"""Those of a component that tells of failures by status; else their status is 200."""


def answers(declared: Declared, schemas: Schemas) -> Schema:
    """Return the responses of an operation."""
    failure = {"$ref": BELOW + FAILURE}
    if declared.component.answer_type is Reply:
        described = template("The other system's own answer, as it comes; a failure of the gateway is an envelope.")
        raw = {"description": described, "headers": _headers(), "content": RAW}
        return {"200": raw, "default": raw}
    if declared.component.answer_type is Envelope:
        answered = _response(template("The envelope of the other system, or a failure."), {"$ref": BELOW + FOREIGN})
    else:
        answered = _response(
            template("The call's envelope: `result` tells success from failure."), schemas.answer(declared)
        )
        answered["content"][JSON]["example"] = answer_example(declared)
    statuses = {**STATUSES, **(TOLD if declared.component.tells_status else {})}
    accepted = (
        {"202": _accepted(schemas.answer(declared))} if declared.asynchronous and declared.answers_envelope else {}
    )
    return {
        "200": answered,
        **accepted,
        **{status: _response(text, failure) for status, text in sorted(statuses.items())},
    }


def _accepted(schema: Schema) -> Schema:
    """Describe the answer to the header Prefer."""
    response = _response(template("The call is accepted, and sent afterwards: `data.delivery` tells of it."), schema)
    located: Schema = {"description": template("path of the delivery"), "schema": {"type": "string"}}
    applied: Schema = {"description": "respond-async", "schema": {"type": "string"}}
    return {**response, "headers": {**response["headers"], "Location": located, "Preference-Applied": applied}}


def _response(description: str, schema: Schema) -> Schema:
    return {"description": description, "headers": _headers(), "content": {JSON: {"schema": schema}}}


def _headers() -> Schema:
    return {name: {"$ref": f"#/components/headers/{name}"} for name in REQUEST_ID_HEADER}

"""OpenAPI 3.1 of all declared components, from which generators make clients that compile and send.

Every path and method is there, with what a call best takes and what it may be answered. The gateway takes more: forms,
credentials among the parameters, and what `plain_schema` leaves out. A GET that could not be sent is not there either,
since one of its parameters fits in no query string.
"""

import re
from collections.abc import Iterator

from esb._version import __version__
from esb.config.component_paths import ROOT, TOKEN_VARIABLE, spanning
from esb.contracts.component import Reply
from esb.core.messages import template
from esb.introspect.caller_contract import AUTHORIZATION, TOKEN, headers_of
from esb.introspect.declared import Declared
from esb.introspect.json_schema import Schema
from esb.introspect.openapi_responses import JSON, RAW, REQUEST_ID_HEADER, answers
from esb.introspect.openapi_schemas import Schemas

MULTIPART = "multipart/form-data"
SWITCHED_OFF = template("Switched off.")
IN_QUERY = {"GET", "HEAD"}
"""Methods whose parameters stand in the query string."""
IN_TEXT = frozenset({"string", "integer", "number", "boolean"})
"""Types that a query string can hold, also several of one."""
DESCRIPTION = template(
    "One endpoint for many components. Every answer is an envelope: `result`, `code`, `message`, `data`, `request_id`;"
    " a refused call has HTTP status 200 too, unless it says otherwise below. Who is calling stands in the header"
    " X-Bkapi-Authorization, or else among the parameters: `bk_app_code` and `bk_app_secret`, `bk_token` or"
    " `bk_username`. Parameters are described as a client best sends them, in JSON; a form does as well, and a number"
    ' or "1" for a text or true.'
)
SECURITY: dict[str, Schema] = {
    "authorization": {
        "type": "apiKey",
        "in": "header",
        "name": AUTHORIZATION.name,
        "description": f"{AUTHORIZATION.description}: `{AUTHORIZATION.example}`",
    },
    "gateway_jwt": {
        "type": "apiKey",
        "in": "header",
        "name": "X-Bkapi-JWT",
        "description": template("application and user, as BlueKing's API gateway vouches for them"),
    },
    "login_cookie": {
        "type": "apiKey",
        "in": "cookie",
        "name": "bk_token",
        "description": template("login state of the user; it counts when nothing else names one"),
    },
}
REQUIREMENTS: list[dict[str, list[str]]] = [{"authorization": []}]
"""Security requirements: the one way for every client. A generated one given a key would put it into all of them."""


def document(declared: list[Declared]) -> Schema:
    """Make the OpenAPI document."""
    schemas = Schemas(declared)
    identities = _Identities()
    paths: dict[str, Schema] = {}
    for each in declared:
        for path in each.paths:
            for method in each.stanza.methods:
                if (operation := _operation(each, method, schemas)) is not None:
                    identity = identities.of(each, path, method)
                    paths.setdefault(path, {})[method.lower()] = {"operationId": identity, **operation}
    return {
        "openapi": "3.1.0",
        "info": {"title": "esb-gateway", "version": __version__, "description": DESCRIPTION},
        "servers": [{"url": "/"}],
        "security": REQUIREMENTS,
        "tags": [{"name": system} for system in dict.fromkeys(each.system for each in declared)],
        "paths": paths,
        "components": {"schemas": schemas.used(paths), "securitySchemes": SECURITY, "headers": REQUEST_ID_HEADER},
    }


class _Identities:
    """The operationIds of a document, unique for generators too, which spell them in their own way."""

    def __init__(self) -> None:
        self._taken: set[str] = set()

    def of(self, declared: Declared, path: str, method: str) -> str:
        """Return the component's name, or an alias's words; with the method behind it, unless it is the usual one."""
        usual = "POST" if "POST" in declared.stanza.methods else declared.stanza.methods[0]
        named = declared.key if path == declared.paths[0] else path.removeprefix(ROOT)
        words = [*re.findall("[A-Za-z0-9]+", named), *([] if method == usual else [method.lower()])]
        number = 1
        while (spelled := "".join(words).lower()) in self._taken:
            number += 1
            words = [*words[: -1 if number > 2 else None], str(number)]
        self._taken.add(spelled)
        return "_".join(words)


def _operation(declared: Declared, method: str, schemas: Schemas) -> Schema | None:
    """Describe one method; None if no call of it could hold what the component requires."""
    summary, *paragraphs = declared.paragraphs or [declared.name]
    operation: Schema = {
        "tags": [declared.system],
        "summary": summary,
        "description": "\n\n".join([*paragraphs, *([] if declared.stanza.active else [SWITCHED_OFF])]),
        "parameters": [*_path_variables(declared), *_headers(declared)],
        "responses": answers(declared, schemas),
    }
    if not declared.takes_credentials:
        operation["security"] = []
    params = schemas.resolved(schemas.params(declared))
    if method in IN_QUERY:
        query = list(_query(params, schemas))
        if {*params.get("required", ())} - {each["name"] for each in query}:
            return None
        operation["parameters"] += query
    else:
        operation["requestBody"] = _body(declared, schemas)
    return operation


def _path_variables(declared: Declared) -> Iterator[Schema]:
    many, tokens = spanning(declared.stanza.path), declared.stanza.tokens
    for name in declared.variables:
        schema = {"type": "string", "minLength": 1, "pattern": "^[^/]+(/[^/]+)*$" if name in many else "^[^/]+$"}
        beside = {"description": TOKEN} if tokens and name == TOKEN_VARIABLE else {}
        yield {"name": name, "in": "path", "required": True, "schema": schema, **beside}


def _headers(declared: Declared) -> Iterator[Schema]:
    for header in headers_of(declared.component, asynchronous=declared.asynchronous):
        described = {"name": header.name, "in": "header", "description": header.description}
        yield {**described, "schema": header.schema, "example": header.example}


def _query(params: Schema, schemas: Schemas) -> Iterator[Schema]:
    """Yield the parameters that fit in a query string."""
    needed = params.get("required", ())
    for name, schema in params.get("properties", {}).items():
        kind = schemas.resolved(schema.get("items", schema)).get("type", "string")
        if kind in IN_TEXT:
            plain = {key: value for key, value in schema.items() if key != "description"}
            described = {"description": schema["description"]} if "description" in schema else {}
            yield {"name": name, "in": "query", "required": name in needed, **described, "schema": plain}


def _body(declared: Declared, schemas: Schemas) -> Schema:
    """Describe the JSON body, or the form of a component that takes files; any object where no names are known."""
    schema = schemas.params(declared)
    params = schemas.resolved(schema)
    open_object: Schema = {"type": "object", "additionalProperties": True}
    kind = MULTIPART if declared.uploads else JSON
    content: Schema = {kind: {"schema": schema if params["properties"] else open_object}}
    if declared.component.answer_type is Reply:
        content |= RAW
    return {"required": bool(params.get("required")), "content": content}

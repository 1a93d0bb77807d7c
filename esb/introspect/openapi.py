"""OpenAPI 3.1 of all declared components: every path and method, what a call takes, and what it may be answered."""

from collections.abc import Iterator

from esb._version import __version__
from esb.config.component_paths import TOKEN_VARIABLE, spanning
from esb.contracts.component import Reply
from esb.introspect.caller_contract import AUTHORIZATION, TOKEN, CallerParams, headers_of
from esb.introspect.declared import Declared
from esb.introspect.json_schema import Schema, schema_of
from esb.introspect.openapi_forms import as_texts
from esb.introspect.openapi_responses import ENVELOPES, REQUEST_ID_HEADER, answers, success

SCHEMAS = "#/components/schemas/"
IN_QUERY = {"GET", "HEAD"}
"""Methods whose parameters stand in the query string."""
JSON, FORM, MULTIPART = "application/json", "application/x-www-form-urlencoded", "multipart/form-data"
DESCRIPTION = """\
One endpoint for many components. Every answer is an envelope: `result`, `code`, `message`, `data`, `request_id`; a
refused call has HTTP status 200 too, unless it says otherwise below. Who is calling stands in the header
X-Bkapi-Authorization, or else among the parameters: `bk_app_code` and `bk_app_secret`, `bk_token` or `bk_username`.
"""
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
        "description": "application and user, as BlueKing's API gateway vouches for them",
    },
    "login_cookie": {
        "type": "apiKey",
        "in": "cookie",
        "name": "bk_token",
        "description": "login state of the user; it counts when nothing else names one",
    },
}
ALTERNATIVES: list[dict[str, list[str]]] = [{"authorization": []}, {"gateway_jwt": []}, {}]
"""Security requirements, of which one is enough; the last one, {}, is for credentials in the parameters."""


def document(declared: list[Declared]) -> Schema:
    """Make the OpenAPI document."""
    schemas: Schema = {"Caller": _without_required(schema_of(CallerParams)), **ENVELOPES}
    paths: dict[str, Schema] = {}
    for each in declared:
        schemas |= _schemas(each)
        for number, path in enumerate(each.paths):
            for method in each.stanza.methods:
                operation = _operation(each, method, number, schemas)
                paths.setdefault(path, {})[method.lower()] = operation
    return {
        "openapi": "3.1.0",
        "info": {"title": "esb-gateway", "version": __version__, "description": DESCRIPTION},
        "servers": [{"url": "/"}],
        "security": ALTERNATIVES,
        "paths": paths,
        "components": {"schemas": schemas, "securitySchemes": SECURITY, "headers": REQUEST_ID_HEADER},
    }


def _without_required(schema: Schema) -> Schema:
    """Require no parameter: credentials may come by header instead."""
    return {key: value for key, value in schema.items() if key != "required"}


def _schemas(declared: Declared) -> Schema:
    """Return the component's parameters and the data of its answer, with the models that they are made of."""
    found: Schema = {}
    for suffix, kind in (("", declared.component.params_type), (".data", declared.component.answer_type)):
        if suffix and not declared.answers_envelope:
            continue
        name = declared.key + suffix
        schema = schema_of(kind, f"{SCHEMAS}{name}.")
        found |= {f"{name}.{model}": inner for model, inner in schema.pop("$defs", {}).items()}
        found[name] = schema
    if declared.answers_envelope:
        found[f"{declared.key}.answer"] = success({"$ref": f"{SCHEMAS}{declared.key}.data"})
    return found


def _operation(declared: Declared, method: str, number: int, schemas: Schema) -> Schema:
    """Describe one method of one address; `number` is the address's among the component's own."""
    summary, *paragraphs = declared.paragraphs or [declared.name]
    operation: Schema = {
        "operationId": f"{declared.key}.{method.lower()}" + (f".{number + 1}" if number else ""),
        "tags": [declared.system],
        "summary": summary,
        "description": "\n\n".join([*paragraphs, *([] if declared.stanza.active else ["Switched off."])]),
        "parameters": [*_path_variables(declared), *_headers(declared)],
        "responses": answers(declared),
    }
    if not declared.takes_credentials:
        operation["security"] = []
    if method in IN_QUERY:
        operation["parameters"] += _query(declared, schemas)
    elif body := _body(declared, schemas):
        operation["requestBody"] = body
    return operation


def _path_variables(declared: Declared) -> Iterator[Schema]:
    many, tokens = spanning(declared.stanza.path), declared.stanza.tokens
    for name in declared.variables:
        schema = {"type": "string", "minLength": 1, "pattern": "^[^/]+(/[^/]+)*$" if name in many else "^[^/]+$"}
        beside = {"description": TOKEN} if tokens and name == TOKEN_VARIABLE else {}
        yield {"name": name, "in": "path", "required": True, "schema": schema, **beside}


def _headers(declared: Declared) -> Iterator[Schema]:
    for header in headers_of(declared.component):
        described = {"name": header.name, "in": "header", "description": header.description}
        yield {**described, "schema": {"type": "string"}, "example": header.example}


def _query(declared: Declared, schemas: Schema) -> Iterator[Schema]:
    """Yield parameters as texts. One that cannot be a text cannot come in a query string."""
    caller = [schemas["Caller"]] if declared.takes_credentials else []
    for source in (*caller, schemas[declared.key]):
        needed = source.get("required", ())
        for name, schema in as_texts(source)["properties"].items():
            described = schema.pop("description", "")
            parameter = {"name": name, "in": "query", "schema": schema, "required": name in needed}
            yield {**parameter, **({"description": described} if described else {})}


def _body(declared: Declared, schemas: Schema) -> Schema:
    params = schemas[declared.key]
    caller = ["Caller"] if declared.takes_credentials else []
    in_json = {"allOf": [{"$ref": f"{SCHEMAS}{name}"} for name in (*caller, declared.key)]}
    content: dict[str, Schema] = {JSON: {"schema": in_json}}
    form = as_texts(params)
    if set(params.get("required", ())) <= form["properties"].keys():
        for name in caller:
            form["properties"] = {**as_texts(schemas[name])["properties"], **form["properties"]}
        content |= {FORM: {"schema": form}, MULTIPART: {"schema": form}}
    if declared.component.answer_type is Reply:
        content["*/*"] = {"schema": {}}
    return {"required": bool(params.get("required")), "content": content}

"""The page of one component: what it takes, what it answers, what can go wrong, and calls of it to paste."""

from collections.abc import Iterable, Sequence
from typing import Any

from esb.config import Config
from esb.config.component_paths import TOKEN_VARIABLE
from esb.contracts.component import Envelope, Reply
from esb.core.i18n import Translate
from esb.introspect.bounds import bounds
from esb.introspect.caller_contract import (
    AUTHORIZATION,
    CODES,
    REMEDIES,
    TOKEN,
    AnswerEnvelope,
    AsynchronousParams,
    CallerParams,
    FailureData,
    headers_of,
)
from esb.introspect.declared import Declared
from esb.introspect.examples import answer_example, request_example
from esb.introspect.json_schema import Schema, schema_of
from esb.introspect.markdown import PATH_VARIABLE
from esb.introspect.tables import Row, answer_schemas, nested
from esb.portal.call_examples import CallExample
from esb.portal.declarations import Listed

ANSWERS = {Envelope: "foreign", Reply: "raw"}
"""Type of an answer that is another system's -> its kind; all others are envelopes of ours."""


def facts(listed: Listed, translate: Translate) -> dict[str, Any]:
    """Return what lists show of a component."""
    declared = listed.declared
    stanza = declared.stanza
    return {
        "system": listed.system,
        "name": listed.name,
        "page": listed.path,
        "summary": listed.summary(translate),
        "methods": stanza.methods,
        "path": declared.paths[0],
        "active": stanza.active,
        "sends": declared.component.sends,
        "asynchronous": declared.asynchronous,
        "restricted": stanza.restricted,
    }


def page(listed: Listed, config: Config, gateway: str, translate: Translate) -> dict[str, Any]:
    """Return all that the page of a component shows; `gateway` is the public listener's URL, as callers reach it."""
    declared = listed.declared
    stanza = declared.stanza
    shown = {
        **facts(listed, translate),
        "right": stanza.name,
        "paragraphs": [translate(each) for each in declared.paragraphs[1:]],
        "addresses": [gateway + path for path in declared.paths],
        "timeout": stanza.timeout,
        "max_body": _max_body(declared, config),
        "test_environment": declared.component.has_environments,
        "console": f"{listed.path}/try",
        "documented": listed.is_documented,
    }
    return {**shown, **(_documents(declared, gateway, translate) if listed.is_documented else {})}


def _documents(declared: Declared, gateway: str, translate: Translate) -> dict[str, Any]:
    params = schema_of(declared.component.params_type)
    example = CallExample(declared, gateway)
    return {
        "credentials": _rows(nested(schema_of(CallerParams)), translate) if declared.takes_credentials else [],
        "headers": _headers(declared, translate),
        "variables": _variables(declared, translate),
        "parameters": _rows(nested(params), translate),
        "later": _rows(nested(schema_of(AsynchronousParams)), translate) if declared.asynchronous else [],
        "uploads": sorted(declared.uploads),
        "request": request_example(declared),
        "answer": _answer(declared, translate),
        "codes": [
            {"code": code, "cause": translate(cause), "remedy": translate(REMEDIES[code]) if code in REMEDIES else ""}
            for code, cause in CODES.items()
            if _may_be_answered(code, declared)
        ],
        "calls": [snippet._asdict() for snippet in example.snippets()],
        "is_dry": example.is_dry,
    }


def _max_body(declared: Declared, config: Config) -> int | None:
    """Return the bytes of a body at most, None if there is no such bound."""
    stanza = declared.stanza
    return None if stanza.unlimited else stanza.max_body or config.server.max_body


def _headers(declared: Declared, translate: Translate) -> list[dict[str, Any]]:
    own = headers_of(declared.component, asynchronous=declared.asynchronous)
    headers = [*([AUTHORIZATION] if declared.takes_credentials else []), *own]
    return [
        {"name": each.name, "description": translate(each.description), "example": _plain(each.example)}
        for each in headers
    ]


def _variables(declared: Declared, translate: Translate) -> list[dict[str, str]]:
    token = TOKEN_VARIABLE if declared.stanza.tokens else None
    return [
        {"name": name, "description": translate(TOKEN if name == token else PATH_VARIABLE)}
        for name in declared.variables
    ]


def _answer(declared: Declared, translate: Translate) -> dict[str, Any]:
    kind = ANSWERS.get(declared.component.answer_type, "envelope")
    data: Schema = schema_of(declared.component.answer_type) if declared.answers_envelope else {}
    told, of_failure = answer_schemas(data, schema_of(FailureData))
    return {
        "kind": kind,
        "envelope": _rows(nested(schema_of(AnswerEnvelope)), translate),
        "data": _rows(nested(told), translate) if told else [],
        "failure": _rows(nested(of_failure), translate) if of_failure else [],
        "example": answer_example(declared),
    }


def _may_be_answered(code: int, declared: Declared) -> bool:
    return code != 1306206 or declared.component.has_environments


def _rows(rows: Iterable[Row], translate: Translate) -> Sequence[dict[str, Any]]:
    return [
        {
            "name": row.name,
            "type": row.kind,
            "required": row.required,
            "description": translate(row.description) if row.description else "",
            "bounds": bounds(row, translate),
            "default": _plain(row.default),
            "example": _plain(row.example),
        }
        for row in rows
    ]


def _plain(value: Any) -> Any:
    """Return an example or a default as JSON has it: true for True; None for a default that only says "nothing"."""
    return None if value in ("", (), [], {}) else value

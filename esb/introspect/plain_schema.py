"""Schemas in the plain form that generators of clients read: one type for each value, and no conditions.

The gateway takes more than it advises: a number for a text, "1" for true. A document names the one form that is always
right, so that a client in a typed language has one type to send, and another one to read.
"""

from collections.abc import Callable, Sequence
from typing import Any

from esb.core.params import ANY_TEXT, DIGITS, FILLED_TEXT, NAMES
from esb.introspect.json_schema import Schema

PATTERNS: dict[str, Schema] = {
    ANY_TEXT: {},
    FILLED_TEXT: {"minLength": 1},
    NAMES: {"minLength": 1},
    DIGITS: {"type": "integer"},
}
"""Patterns of our own types of parameters -> what a typed client has to know of them."""
LEFT_OUT: tuple[Any, ...] = (None, "", [], {})
"""Defaults and choices that only say that there is no value."""
DEFAULT = "x-default"
"""The default of a parameter. By the keyword of its own name, openapi-typescript would require the parameter."""
CONDITIONS = frozenset({"anyOf", "oneOf", "allOf", "if", "then", "else", "not"})
"""Keywords beside `properties` of which no generator makes a type. The gateway checks them."""


def sent(schema: Schema) -> Schema:
    """Return a parameter as callers best send it: of a union the first, by which all documents know it."""
    if "properties" in schema:
        return _mapping(schema, sent)
    if "anyOf" in schema:
        first: Schema = next((each for each in schema["anyOf"] if each.get("type") != "null"), {})
        return sent(first | {key: value for key, value in schema.items() if key != "anyOf"})
    plain = _inside(schema, sent)
    if plain.get("pattern") in PATTERNS:
        plain |= PATTERNS[plain.pop("pattern")]
    if "enum" in plain:
        plain["enum"] = [choice for choice in plain["enum"] if choice not in LEFT_OUT]
    default = plain.pop("default", None)
    if default not in LEFT_OUT and isinstance(default, str | int | float):  # not a list of what is best sent as a text
        plain[DEFAULT] = default
    return plain


def answered(schema: Schema) -> Schema:
    """Return a value of an answer as callers read it: one type, which may be null unless it is left out then.

    A value of several types is of any: no two generators read such a union alike, and some not at all.
    """
    if "properties" in schema:
        return _mapping(schema, answered)
    plain = _inside(schema, answered)
    is_left_out = plain.pop("default", ...) is None
    if "anyOf" not in plain:
        return plain
    union = plain.pop("anyOf")
    members = [answered(each) for each in union if each.get("type") != "null"]
    if len(members) != 1:
        return plain
    return plain | (members[0] if is_left_out or len(union) == 1 else nullable(members[0]))


def nullable(schema: Schema) -> Schema:
    """Return a schema of the same, or null."""
    if "type" in schema:
        return {**schema, "type": [schema["type"], "null"]}
    return {"anyOf": [schema, {"type": "null"}]} if schema else {}


def merged(members: Sequence[Schema], description: str) -> Schema:
    """Return one mapping that reads any of these: it has the keys of all, and requires none."""
    properties: Schema = {}
    for member in members:
        for name, schema in member["properties"].items():
            properties.setdefault(name, schema)
    return {"type": "object", "description": description, "properties": properties}


def _mapping(schema: Schema, each: Callable[[Schema], Schema]) -> Schema:
    plain = {key: value for key, value in schema.items() if key not in CONDITIONS}
    plain["properties"] = {name: each(_described(value)) for name, value in schema["properties"].items()}
    if one_of := [" and ".join(way["required"]) for way in schema.get("anyOf", ()) if way.get("required")]:
        plain["description"] = f"{plain.get('description', '')} At least one is required: {', '.join(one_of)}.".strip()
    return plain


def _described(schema: Schema) -> Schema:
    """Return a property described by its label, if by nothing else: a title would become the name of a type."""
    described = {"description": schema["title"]} if "title" in schema else {}
    return {**described, **{key: value for key, value in schema.items() if key != "title"}}


def _inside(schema: Schema, each: Callable[[Schema], Schema]) -> Schema:
    inner = {key: each(schema[key]) for key in ("items", "additionalProperties") if isinstance(schema.get(key), dict)}
    return schema | inner

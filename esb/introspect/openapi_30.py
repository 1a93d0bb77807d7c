"""OpenAPI 3.0 made of 3.1, for generators to which 3.1 is new."""

from typing import Any

from esb.introspect.json_schema import Schema

VERSION = "3.0.3"


def as_openapi_30(document: Schema) -> Schema:
    """Return the same document in the words of OpenAPI 3.0."""
    return {**_schemas_inside(document), "openapi": VERSION}


def _schemas_inside(value: Any) -> Any:
    """Return the same with every schema in the older words; properties of any name are no words."""
    if isinstance(value, list):
        return [_schemas_inside(each) for each in value]
    if not isinstance(value, dict):
        return value
    return {
        key: {name: _older(each) for name, each in inner.items()}
        if key in {"schemas", "properties"}
        else _older(inner)
        if key in {"schema", "items", "additionalProperties"} and isinstance(inner, dict)
        else _schemas_inside(inner)
        for key, inner in value.items()
    }


def _older(schema: Schema) -> Schema:
    """Return a schema of 3.1 in the words of 3.0: nullable, one example, a reference that stands alone."""
    older: Schema = _schemas_inside(schema)
    if isinstance(older.get("type"), list):
        older["type"], older["nullable"] = older["type"][0], True
    if "anyOf" in older:
        (reference, _), beside = older.pop("anyOf"), older
        return {**beside, "allOf": [reference], "nullable": True}
    if "$ref" in older and len(older) > 1:
        older["allOf"] = [{"$ref": older.pop("$ref")}]
    if "examples" in older:
        older["example"] = older.pop("examples")[0]
    if "const" in older:
        older["enum"] = [older.pop("const")]
    return older

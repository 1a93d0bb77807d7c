"""The JSON Schema of a model, without pydantic's own additions."""

from functools import lru_cache
from typing import Any, cast

from pydantic import BaseModel, TypeAdapter
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue
from pydantic_core import core_schema

Schema = dict[str, Any]
LIST_BOUNDS = {"minLength": "minItems", "maxLength": "maxItems"}
SCHEMAS = 256
"""Schemas that are kept: pydantic takes milliseconds for each, and thousands of components have few types."""


class PlainSchema(GenerateJsonSchema):
    """A schema without titles that repeat a field's name; a type that JSON Schema has no words for is left open."""

    ignored_warning_kinds = {"skipped-choice", "non-serializable-default"}  # noqa: RUF012 - pydantic's attribute

    def field_title_should_be_set(self, schema: Any) -> bool:
        return False

    def generate_inner(self, schema: Any) -> JsonSchemaValue:
        """Name the bounds of a list as such: of one that a validator makes, pydantic writes those of a text."""
        made = super().generate_inner(schema)
        if made.get("type") == "array":
            return {LIST_BOUNDS.get(keyword, keyword): value for keyword, value in made.items()}
        return made

    def handle_invalid_for_json_schema(self, schema: core_schema.CoreSchema, error_info: str) -> JsonSchemaValue:
        return {}


def schema_of(kind: Any, below: str = "#/$defs/") -> Schema:
    """Make the schema of this type, which nobody changes, since others are given the same.

    The models in it stand in `$defs`, and references to them begin with `below`.
    """
    try:
        hash(kind)
    except TypeError:  # Annotated[…, Field(…)]
        return _made(kind, below)
    return _kept(kind, repr(kind), below)


@lru_cache(SCHEMAS)
def _kept(kind: Any, order: str, below: str) -> Schema:
    """Return the one schema of this type; `order` tells unions apart that are equal, and name their types in turn."""
    return _made(kind, below)


def _made(kind: Any, below: str) -> Schema:
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        return kind.model_json_schema(mode="validation", schema_generator=PlainSchema, ref_template=below + "{model}")
    adapter = TypeAdapter(kind)
    return adapter.json_schema(mode="validation", schema_generator=PlainSchema, ref_template=below + "{model}")


def resolved(schema: Schema, root: Schema) -> Schema:
    """Put a schema in the place of a reference to it; what stands beside the reference stays."""
    if "$ref" not in schema:
        return schema
    there = root["$defs"][schema["$ref"].rpartition("/")[2]]
    return {**there, **{key: value for key, value in schema.items() if key != "$ref"}}


def first(schema: Schema, root: Schema) -> Schema:
    """Return the first schema of a union, by which documents know it."""
    schema = resolved(schema, root)
    if "anyOf" not in schema or "properties" in schema:
        return schema
    return first({**schema["anyOf"][0], **_beside(schema)}, root)


def _beside(schema: Schema) -> Schema:
    return {key: cast(Any, value) for key, value in schema.items() if key != "anyOf"}

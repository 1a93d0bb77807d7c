"""The parameters of a model as tables: its JSON Schema, in the words that callers know."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from esb.introspect.json_schema import Schema, first, resolved
from esb.introspect.plain_schema import LEFT_OUT, PATTERNS, merged

KINDS = {"string": "string", "object": "dict", "boolean": "bool", "integer": "int", "number": "float", "array": "list"}
"""JSON Schema's names of types -> those of the API documents."""
LIMITS = (
    "minimum", "exclusiveMinimum", "maximum", "exclusiveMaximum", "minLength", "maxLength", "minItems", "maxItems",
    "pattern",
)  # fmt: skip
"""Keywords of JSON Schema that bound a value, in the order in which documents tell them."""
PLACEHOLDERS: dict[str, Any] = {"string": "xxx", "object": {}, "boolean": True, "integer": 1, "number": 1.0}


@dataclass(frozen=True, slots=True)
class Row:
    """One parameter."""

    name: str
    kind: str
    required: bool
    description: str
    default: Any = None
    example: Any = None
    choices: tuple[str, ...] = ()
    limits: tuple[tuple[str, Any], ...] = ()
    """Keywords of JSON Schema, each with its value: ("maxLength", 20)."""


@dataclass(frozen=True, slots=True)
class Table:
    """The parameters of one mapping; `of` is the parameter that holds it, "" for the outermost."""

    of: str
    rows: tuple[Row, ...]


def tables(schema: Schema) -> list[Table]:
    """Make the model's own table, then one for each model in it. What is a list of models counts as the model."""
    return list(_tables(_model(schema, schema) or {}, schema, "", ()))


def nested(schema: Schema) -> list[Row]:
    """Make one table of the model and all models in it: `data.articles[].title` is a row behind `data.articles`."""
    return list(_nested(_model(schema, schema) or {}, schema, "", ()))


def answer_schemas(schema: Schema, failure: Schema) -> tuple[Schema, Schema]:
    """Return the schema of an answer's data, and that of a failure's data where it does not look the same, else {}.

    The data of a success that is one of several mappings has the keys of all, and those of a failure too.
    """
    members = [resolved(each, schema) for each in schema.get("anyOf", [schema])]
    mappings = [each for each in members if "properties" in each]
    if not mappings:
        return schema, failure
    return {**merged([*mappings, failure], ""), "$defs": schema.get("$defs", {})}, {}


def _nested(schema: Schema, root: Schema, before: str, way: tuple[str, ...]) -> Iterator[Row]:
    needed = required(schema)
    for name, each in schema.get("properties", {}).items():
        row = _row(f"{before}{name}", each, root, name in needed)
        yield row
        inner = _model(each, root)
        if inner is not None and inner.get("title") not in way:
            items = "[]" if row.kind.startswith("list") else ""
            yield from _nested(inner, root, f"{row.name}{items}.", (*way, str(inner.get("title"))))


def _tables(schema: Schema, root: Schema, of: str, way: tuple[str, ...]) -> Iterator[Table]:
    properties: Schema = schema.get("properties", {})
    needed = required(schema)
    yield Table(of, tuple(_row(name, each, root, name in needed) for name, each in properties.items()))
    for name, each in properties.items():
        inner = _model(each, root)
        if inner is not None and inner.get("title") not in way:  # a model that holds itself has its table already
            yield from _tables(inner, root, name, (*way, str(inner.get("title"))))


def required(schema: Schema) -> set[str]:
    """Return the parameters that must be there, even if there is a condition under which they need not."""
    return {*schema.get("required", ()), *schema.get("else", {}).get("required", ())}


def example(schema: Schema, root: Schema | None = None) -> Any:
    """Make a value that this schema takes: of a mapping, what is required and what has an example of its own."""
    root = schema if root is None else root
    documented = first(schema, root)
    if "examples" in documented:
        return documented["examples"][0]
    if "const" in documented:
        return documented["const"]
    if "enum" in documented:
        return documented["enum"][0]
    if "properties" in documented:
        needed = required(documented)
        return {
            name: example(each, root)
            for name, each in documented["properties"].items()
            if name in needed or "examples" in resolved(each, root)
        }
    if documented.get("type") == "array":
        return [example(documented["items"], root)] if "minItems" in documented else []
    return PLACEHOLDERS.get(documented.get("type", ""))


def _row(name: str, schema: Schema, root: Schema, needed: bool) -> Row:
    default = schema.get("default")
    plain = default if isinstance(default, str | int | float) else None
    documented = first(schema, root)
    choices = tuple(str(choice) for choice in documented.get("enum", ()) if choice not in LEFT_OUT)
    described = schema.get("description") or schema.get("title", "")
    shown = next(iter(documented.get("examples", ())), None)
    return Row(name, kind(schema, root), needed, described, plain, shown, choices, _limits(documented))


def _limits(schema: Schema) -> tuple[tuple[str, Any], ...]:
    if schema.get("pattern") in PATTERNS:  # of our own types, which every parameter has
        return ()
    return tuple((keyword, schema[keyword]) for keyword in LIMITS if keyword in schema)


def kind(schema: Schema, root: Schema) -> str:
    """Return the type, as callers know it: list[string] for a list of texts."""
    documented = first(schema, root)
    if "type" not in documented and "enum" in documented:
        return "string"
    if documented.get("format") == "binary":
        return "file"
    name = KINDS.get(documented.get("type", ""), "any")
    return f"list[{kind(items, root)}]" if name == "list" and (items := documented.get("items")) else name


def _model(schema: Schema, root: Schema) -> Schema | None:
    """Return the mapping that a parameter is, or is a list of."""
    documented = first(schema, root)
    if documented.get("type") == "array":
        documented = first(documented.get("items", {}), root)
    return documented if documented.get("properties") else None

"""`${…}` in a JSON Schema of YAML: a text that stands for what the key wants."""

from typing import Any

from esb.introspect.json_schema import Schema

WHOLE: Schema = {"type": "string", "pattern": r"^\$\{[^}]*\}$"}
"""One reference and nothing else: it is read as the key's type."""
SOMEWHERE: Schema = {"type": "string", "pattern": r"\$\{"}
"""A text with a reference in it: its value is not known yet."""
CONSTRAINTS = frozenset({"pattern", "minLength", "maxLength", "enum", "const", "format"})
ANNOTATIONS = ("description", "default", "examples", "title")


def with_references(schema: Schema) -> Schema:
    """Return the same mapping, in which every value may also be a reference."""
    found = dict(schema)
    for key in ("properties", "$defs"):
        if key in found:
            wrap = _inside if key == "$defs" else value
            found[key] = {name: wrap(each) for name, each in found[key].items()}
    for key in ("if", "then", "else"):
        if key in found:
            found[key] = found[key] if key == "if" else with_references(found[key])
    if isinstance(found.get("additionalProperties"), dict):
        found["additionalProperties"] = value(found["additionalProperties"])
    return found


def value(schema: Schema) -> Schema:
    """Allow a reference instead of a value."""
    members = [_inside(each) for each in schema.get("anyOf", [_bare(schema)])]
    if any(_is_any_text(each) for each in members):
        alternatives: list[Schema] = []
    elif any(each.get("type") == "string" or "enum" in each or "const" in each for each in members):
        alternatives = [SOMEWHERE]
    else:
        alternatives = [WHOLE]
    if not alternatives and len(members) == 1:
        return {**members[0], **_annotations(schema)}
    if members == [{}]:
        return schema
    return {"anyOf": [*members, *alternatives], **_annotations(schema)}


def _inside(schema: Schema) -> Schema:
    """Allow references inside a list or a mapping; it itself stays."""
    if "items" in schema:
        return {**schema, "items": value(schema["items"])}
    return with_references(schema)


def _bare(schema: Schema) -> Schema:
    return {key: each for key, each in schema.items() if key not in ANNOTATIONS}


def _annotations(schema: Schema) -> dict[str, Any]:
    return {key: schema[key] for key in ANNOTATIONS if key in schema}


def _is_any_text(schema: Schema) -> bool:
    return schema.get("type") == "string" and not CONSTRAINTS & schema.keys()

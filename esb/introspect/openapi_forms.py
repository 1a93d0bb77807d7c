"""Parameters that come in a query string or a form, where everything is a text."""

from typing import Any

from esb.introspect.json_schema import Schema


def as_texts(schema: Schema) -> Schema:
    """Return the same mapping with those parameters that can be texts, as texts. Other parameters are left open."""
    texts = {name: text for name, each in schema.get("properties", {}).items() if (text := _text(each)) is not None}
    needed = [name for name in schema.get("required", ()) if name in texts]
    return {"type": "object", "properties": texts, **({"required": needed} if needed else {})}


def _text(schema: Schema) -> Schema | None:
    """Return the schema of a parameter as a text; None if it cannot be one."""
    beside = {key: value for key, value in schema.items() if key in {"description", "examples"}}
    if "$ref" in schema:
        return None
    for each in [schema, *schema.get("anyOf", ())]:
        if each.get("type") == "string":
            text: dict[str, Any] = {**each, **beside}
            text.pop("default", None)
            if "enum" in schema:
                text["enum"] = [choice for choice in schema["enum"] if isinstance(choice, str)]
            return text
    if schema.get("type") in {"integer", "number", "boolean"} or not {"type", "anyOf"} & schema.keys():
        return {"type": "string", **beside}
    return None

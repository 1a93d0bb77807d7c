"""An OpenAPI document in another language: what it says to people, and nothing that programs read."""

import re
from collections.abc import Callable
from functools import cache, partial
from typing import Any

from esb.core.i18n import Translate
from esb.introspect.json_schema import Schema
from esb.introspect.plain_schema import DEFAULT

SAID = frozenset({"summary", "description"})
VALUES = frozenset({"example", "examples", "default", "const", "enum", DEFAULT})
"""Keywords below which stand values: no text for people, and their keys are no keywords."""
NAMES = frozenset({"paths", "responses", "headers", "content", "schemas", "securitySchemes", "properties"})
"""Keywords below which each key is a name that somebody has given."""
LINE = re.compile(r"(?P<before>- \d+: )?(?P<text>.*?)(?P<after>: `[^`]*`)?")
"""A line of a description: behind the code that it explains, or before an example."""


def translated(document: Schema, translate: Translate) -> Schema:
    """Return the same document, its summaries and descriptions translated line by line; unknown ones stay."""
    made: Schema = _inside(document, cache(partial(_text, translate=translate)))
    return made


def _inside(value: Any, say: Callable[[str], str], *, is_named: bool = False) -> Any:
    if isinstance(value, list):
        return [_inside(each, say) for each in value]
    if not isinstance(value, dict):
        return value
    if is_named:
        return {name: _inside(part, say) for name, part in value.items()}
    return {key: _of_keyword(key, part, say) for key, part in value.items()}


def _of_keyword(key: str, part: Any, say: Callable[[str], str]) -> Any:
    if key in SAID and isinstance(part, str):
        return say(part)
    return part if key in VALUES else _inside(part, say, is_named=key in NAMES)


def _text(text: str, translate: Translate) -> str:
    return "\n".join(_line(line, translate) if line else "" for line in text.split("\n"))


def _line(line: str, translate: Translate) -> str:
    whole = translate(line)
    found = LINE.fullmatch(line)
    if whole != line or found is None or not found["text"]:
        return whole
    return f"{found['before'] or ''}{translate(found['text'])}{found['after'] or ''}"

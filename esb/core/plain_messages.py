"""The form of texts for people that are kept as JSON: they are translated when somebody reads them."""

from collections.abc import Mapping
from typing import Any

from esb.core.messages import Message

MESSAGE = "$message"
"""The mark of a text that is translated when it is read: who reads it may ask for another language."""


def plain(value: Any) -> Any:
    """Return JSON that still knows which texts are templates."""
    if isinstance(value, Message):
        return {MESSAGE: [value.template, plain(value.values)]}
    if isinstance(value, Mapping):
        items = {name: plain(item) for name, item in value.items()}
        return {MESSAGE: [None, items]} if MESSAGE in items else items
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    return value


def from_plain(value: Any) -> Any:
    """Return the value that `plain` was given."""
    if isinstance(value, list):
        return [from_plain(item) for item in value]
    if not isinstance(value, dict):
        return value
    if MESSAGE not in value:
        return {name: from_plain(item) for name, item in value.items()}
    template, values = value[MESSAGE]
    values = {name: from_plain(item) for name, item in values.items()}
    return values if template is None else Message(template, values)

"""JSON of what components answer beyond JSON's own types, and the place of what JSON cannot hold."""

import dataclasses
import inspect
from collections.abc import Callable, Iterator, Mapping
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum
from pathlib import PurePath
from typing import Any
from uuid import UUID

from pydantic import BaseModel
from pydantic_core import PydanticSerializationError, to_jsonable_python

from esb.core.errors import Message

BY_PYDANTIC = (date, datetime, time, timedelta, Decimal)
"""Types that become text as pydantic writes them: the documents of `answer_type` say so. A Decimal loses no digit."""
WRITTEN = (str, int, float, Enum, UUID, type(None))
MOST_STEPS = 100_000
"""Values that are looked at for one that JSON cannot hold: for a large answer everybody else would wait."""
LONGEST_NAME = 64
"""Characters of a key that a place tells. A longer one, or one that is no identifier, may be a caller's value."""
Write = Callable[[Any], Any]


def plain(value: Any) -> Any:
    """Return what JSON writes in the place of a model, a dataclass, a mapping, a time, a Decimal, a path or a Message.

    What these hold may be such a value again. TypeError for anything else, and for what hides a field from its repr.
    """
    if isinstance(value, Message):
        return value.render()
    if isinstance(value, BY_PYDANTIC):
        return to_jsonable_python(value)
    if isinstance(value, PurePath):
        return str(value)
    if isinstance(value, Mapping):
        return dict(value)
    if isinstance(value, BaseModel) and all(field.repr for field in type(value).model_fields.values()):
        try:
            return to_jsonable_python(value, by_alias=True, fallback=plain)
        except (PydanticSerializationError, TypeError, UnicodeEncodeError):
            return dict(value)  # in which the place of what cannot be written is found
    if dataclasses.is_dataclass(value) and not isinstance(value, type) and not _hides(value):
        return {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}
    raise TypeError(f"not a JSON value: {type(value).__name__}")


def misfit(value: Mapping[str, Any], write: Write = plain) -> str:
    """Return place and type of the first thing in an envelope that JSON cannot hold, such as "data.x is a set".

    `write` is what it would be encoded with. The text holds no value, and of keys only those that are identifiers.
    """
    above: list[int] = []
    waiting: list[tuple[str, Any, bool]] = [("", value, False)]
    for _ in range(MOST_STEPS):
        if not waiting:
            break
        place, item, left = waiting.pop()
        if left:
            above.pop()
        elif id(item) in above:
            return f"{place} holds itself"
        elif isinstance(item, dict) and (wrong := next(_wrong_keys(item), None)) is not None:
            return f"{place or 'the answer'} has a key that is {_described(wrong)}"
        elif isinstance(item, dict | list | tuple):
            above.append(id(item))
            waiting.append((place, item, True))
            waiting += reversed([(at, each, False) for at, each in _items(place, item)])
        elif not isinstance(item, WRITTEN):
            try:
                waiting.append((place, write(item), False))
            except TypeError:
                return f"{place} is {_described(item)}"
        elif isinstance(item, str) and not _has_utf8(item):
            return f"{place} is a text with half of a surrogate pair"
    return "the answer holds something"


def _items(place: str, holder: "dict[Any, Any] | list[Any] | tuple[Any, ...]") -> Iterator[tuple[str, Any]]:
    if not isinstance(holder, dict):
        yield from ((f"{place}[{index}]", item) for index, item in enumerate(holder))
        return
    for key, item in holder.items():
        told = isinstance(key, str) and key.isidentifier() and len(key) <= LONGEST_NAME
        yield (f"{place}.{key}".removeprefix(".") if told else f"{place}[…]"), item


def _wrong_keys(holder: dict[Any, Any]) -> Iterator[Any]:
    """Yield keys that JSON cannot hold. Of others than texts, it has numbers and constants as texts."""
    return (key for key in holder if not (key is None or isinstance(key, str | int | float)))


def _described(value: Any) -> str:
    name = type(value).__name__
    text = f"{'an' if name[0] in 'aeioAEIO' else 'a'} {name}"
    if inspect.isawaitable(value):
        return f"{text}: an await is missing"
    hides = isinstance(value, BaseModel) or (dataclasses.is_dataclass(value) and not isinstance(value, type))
    return f"{text} that hides fields from its repr: answer what callers may see of it" if hides else text


def _hides(value: Any) -> bool:
    """Return True for a dataclass with a field that its repr hides: such a field may be a secret."""
    return not type(value).__dataclass_params__.repr or not all(field.repr for field in dataclasses.fields(value))


def _has_utf8(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True

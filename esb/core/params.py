"""Parameter types with the semantics that ESB callers rely on, and the old texts when a parameter is wrong.

A parameter's label stands in its annotation: `heading: Annotated[RequiredText, Label("notification header")]`.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    GetJsonSchemaHandler,
    ValidationInfo,
)
from pydantic_core import CoreSchema, PydanticCustomError

from esb.core import json_bounds, json_codec
from esb.core.errors import template
from esb.core.limits import DEFAULT_LIMITS
from esb.core.receiver_texts import separated, separated_by_kind

REQUIRED = template("This field is required.")
LONGEST_RECEIVER = 320
"""Characters of one receiver: a name of 64, and a mail address of 254 in angle brackets; and an answer repeats it."""
JSON_IN_TEXT = template("It is JSON in a text: send the whole body as JSON.")

ANY_TEXT = r"^[^\u0000]*$"
FILLED_TEXT = r"^[^\u0000]*[^\s\u0000][^\u0000]*$"
NAMES = r"^[^\u0000]*[^,;，；、\s\u0000][^\u0000]*$"
DIGITS = r"^(\s*[+-]?[0-9]{1,18}\s*)?$"
"""Patterns of the texts that callers may send, by which documents tell our types from a plugin's own."""

# What callers may send, for documents: the first of a union is how callers know the type.
_ANY_TEXT = Annotated[str, Field(pattern=ANY_TEXT)]
_FILLED_TEXT = Annotated[str, Field(pattern=FILLED_TEXT)]
_DIGITS = Annotated[str, Field(pattern=DIGITS)]
_NAMES = Annotated[str, Field(pattern=NAMES)]
_NOTHING = Annotated[list[Any], Field(max_length=0)] | Annotated[dict[str, Any], Field(max_length=0)]
_ITEM = _ANY_TEXT | int


class Params(BaseModel):
    """The parameters of a component: the model is their schema. Unknown parameters are ignored."""

    model_config = ConfigDict(frozen=True, extra="ignore", hide_input_in_errors=True)


@dataclass(frozen=True, slots=True)
class Label:
    """The name of a parameter in error texts: "LABEL [NAME] …". `name` defaults to the parameter's own."""

    text: str
    name: str = ""

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        return {**handler(schema), "title": self.text}  # a document shows it where there is no description


def problem(text: str, /, **values: Any) -> PydanticCustomError:
    """Make the error that a validator raises; `text` is a template, as is a value `hint`, for `data.hint`."""
    return PydanticCustomError("esb", "{text}", {"text": text, "values": values})


def _type_problem(name: str, hint: str = "") -> PydanticCustomError:
    return problem("Must be the specified parameter data type {type}", type=name, hint=hint)


def _text(value: Any) -> str:
    if type(value) is str and "\x00" not in value:
        return value.strip()  # nearly always; bench: send
    if value is None:
        return ""
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise _type_problem("string")
    text = str(value).strip()
    if "\x00" in text:
        raise problem("Null characters are not allowed.")
    return text


def _required_text(value: Any) -> str:
    text = _text(value)
    if not text:
        raise problem(REQUIRED)
    return text


def _whole(value: Any) -> int | None:
    if value is None or value == "":
        return None
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    if isinstance(value, str) and re.fullmatch(r"\s*[+-]?[0-9]{1,18}\s*", value):
        return int(value)
    raise problem("Enter a whole number.")


def _loose_bool(value: Any) -> bool:
    if isinstance(value, list | dict):
        if not value:
            return False
        raise _type_problem("bool")
    if isinstance(value, str):
        return value.strip().lower() not in {"", "0", "false"}
    return bool(value)


def switched_on(value: Any) -> bool:
    """Return True for a header or parameter that switches something on: anything but "", "0" and "false"."""
    return value is not None and value is not False and str(value).strip().lower() not in {"", "0", "false"}


def _receivers(value: Any, info: ValidationInfo) -> tuple[str, ...]:
    most: int = info.context["receivers"] if info.context is not None else DEFAULT_LIMITS.receivers
    items = value if type(value) is list else _items(value, most)
    if len(items) > most:
        raise _too_many(most)
    receivers: dict[str, None] = {}  # in their order, and each once
    for item in items:
        if type(item) is not str and (isinstance(item, bool) or not isinstance(item, str | int)):
            raise problem("Must be a list of strings")
        if receiver := _text(item):
            if len(receiver) > LONGEST_RECEIVER:
                raise problem("Must be at most {most} characters", most=LONGEST_RECEIVER)
            receivers[receiver] = None
    return tuple(receivers)


def _items(value: Any, most: int) -> Any:
    """Return the items of what callers may send instead of a list, no more of them than are one too many."""
    if value is None:
        return ()
    if isinstance(value, str):
        if not value.lstrip().startswith("["):
            return separated(value, most)
        raw = value.strip().encode()
        if (bound := json_bounds.exceeded(raw, most + 1, DEFAULT_LIMITS.nesting)) == "json_nodes":
            raise _too_many(most)
        try:
            if bound is not None:
                raise ValueError(bound)
            value = json_codec.decode(raw)
        except ValueError:  # no list of names after all: separators, as everywhere else
            return separated(value, most)
    elif isinstance(value, int) and not isinstance(value, bool):
        return [value]
    if not isinstance(value, list | tuple):
        raise _type_problem("list")
    return value


def split_by(is_one: Callable[[str], bool]) -> BeforeValidator:
    """Make the validator that stands before `Receivers` of a kind that may hold blanks: `is_one` knows one of them."""

    def split(value: Any, info: ValidationInfo) -> Any:
        if not isinstance(value, str) or value.lstrip().startswith("["):
            return value
        most: int = info.context["receivers"] if info.context is not None else DEFAULT_LIMITS.receivers
        return separated_by_kind(value, is_one, most)

    return BeforeValidator(split, json_schema_input_type=_ANY_TEXT | list[_ITEM] | int | None)


def _too_many(most: int) -> PydanticCustomError:
    return problem("Must be at most {most} receivers (server.limits.receivers)", most=most)


def _required_receivers(value: Any, info: ValidationInfo) -> tuple[str, ...]:
    receivers = _receivers(value, info)
    if not receivers:
        raise problem(REQUIRED)
    return receivers


def _dicts(value: Any, info: ValidationInfo) -> Any:
    if not value:
        return ()
    if not isinstance(value, list | tuple):
        raise _type_problem("list")
    most: int = info.context["receivers"] if info.context is not None else DEFAULT_LIMITS.receivers
    if len(value) > most:
        raise _too_many(most)
    if not all(isinstance(item, dict) for item in value):
        raise problem("Must be a list of dicts")
    return value


def _filled(kind: type, name: str) -> Callable[[Any], Any]:
    def check(value: Any) -> Any:
        if not value:
            raise problem(REQUIRED)
        if not isinstance(value, kind):
            is_json = isinstance(value, str) and value.lstrip().startswith("{")
            raise _type_problem(name, JSON_IN_TEXT if is_json else "")
        return value

    return check


Text = Annotated[str, BeforeValidator(_text, json_schema_input_type=_ANY_TEXT | float | None)]
"""Text; numbers become text, outer white space goes, null is ""."""
RequiredText = Annotated[str, BeforeValidator(_required_text, json_schema_input_type=_FILLED_TEXT | float)]
"""Text that is not blank."""
Whole = Annotated[int | None, BeforeValidator(_whole, json_schema_input_type=_DIGITS | int | None)]
"""A whole number, or text that is one; "" is None."""
LooseBool = Annotated[bool, BeforeValidator(_loose_bool, json_schema_input_type=bool | str | float | _NOTHING | None)]
"""A boolean as ESB callers send it: "", "0" and "false" are false, everything else that is not empty is true."""
Receivers = Annotated[
    tuple[str, ...], BeforeValidator(_receivers, json_schema_input_type=_ANY_TEXT | list[_ITEM] | int | None)
]
"""People: a list, a JSON list in a string, or a string separated by , ; ， ； 、 or white space. Each once."""
RequiredReceivers = Annotated[
    tuple[str, ...],
    BeforeValidator(
        _required_receivers, json_schema_input_type=_NAMES | Annotated[list[_ITEM], Field(min_length=1)] | int
    ),
]
"""People, at least one."""
RequiredDict = BeforeValidator(_filled(dict, "dict"))
"""Put before a nested model: the old texts when it is empty or no dict."""
Dicts = BeforeValidator(_dicts)
"""Put before a tuple of nested models: the old text when it is no list; empty is (). As many as receivers, at most."""


def either(*names: str) -> dict[str, Any]:
    """Make the `json_schema_extra` of a model that wants at least one of these parameters, and checks that itself."""
    filled = [{"type": "string", "pattern": r"[^,;，；、\s]"}, {"type": "array", "minItems": 1}, {"type": "integer"}]
    return {"anyOf": [{"required": [name], "properties": {name: {"anyOf": filled}}} for name in names]}


__all__ = [
    "Dicts",
    "Field",
    "Label",
    "LooseBool",
    "Params",
    "Receivers",
    "RequiredDict",
    "RequiredReceivers",
    "RequiredText",
    "Text",
    "Whole",
    "either",
    "problem",
    "split_by",
]

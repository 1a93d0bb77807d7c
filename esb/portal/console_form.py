"""The form of a call: a field for each parameter, made from its model; and the parameters that a filled one says."""

import json
import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from esb.config.component_paths import TOKEN_VARIABLE
from esb.core import json_codec
from esb.core.errors import template
from esb.core.i18n import Translate
from esb.core.json_bounds import exceeded
from esb.core.limits import MOST_NESTING
from esb.introspect.caller_contract import TOKEN, AsynchronousParams
from esb.introspect.declared import Declared
from esb.introspect.examples import request_example
from esb.introspect.json_schema import Schema
from esb.introspect.openapi_schemas import Schemas
from esb.introspect.plain_schema import DEFAULT

TEXT, LONG, SECRET, INTEGER, NUMBER, CHOICE, FLAG, JSON = (
    "text", "long", "secret", "integer", "number", "choice", "flag", "json",
)  # fmt: skip
"""Kinds of fields."""
LONG_NAMES = frozenset({"body", "content", "description", "markdown", "message", "text"})
"""Parameters whose texts have several lines; no schema says so."""
SECRET_NAME = re.compile(r"secret|password|passwd|passphrase|(^|_)token$", re.IGNORECASE)
LATER = frozenset(each.alias or name for name, each in AsynchronousParams.model_fields.items())
"""Parameters of calls that are sent later."""
PARAMETER, VARIABLE, ALL = "p.", "v.", "p."
"""Beginnings of the names of fields: of a parameter, of a path's variable; and the name of the field that holds all
parameters, where no names are known."""
NO_JSON = template("This is no JSON: line %(line)s, column %(column)s.")
NO_OBJECT = template("Expected a JSON object: {…}.")
TOO_DEEP = template("This is nested too deep.")
NO_VALUE = template("JSON has no such value: NaN, Infinity, half a character, a number without end.")
NEEDED = template("This is needed: it is a part of the address.")


@dataclass(frozen=True, slots=True)
class Field:
    """One field. `name` is the form's, `parameter` the caller's word for it.

    `value` is its text, "" or "on" of a flag; `fault` says why it cannot be sent, in English, with its values.
    """

    name: str
    parameter: str
    kind: str
    description: str = ""
    required: bool = False
    choices: tuple[tuple[str, Any], ...] = ()
    placeholder: str = ""
    default: Any = None
    is_first: bool = False
    """True if it is one of those that everybody fills in."""
    is_later: bool = False
    """True if it is of calls that are sent later."""
    value: str = field(default="", repr=False)
    fault: tuple[str, Mapping[str, Any]] | None = None

    def with_value(self, value: str) -> "Field":
        """Return the same with another text in it."""
        return replace(self, value=value)


class Unreadable(Exception):
    """A text that is not what its field needs."""

    def __init__(self, text: str, **values: Any) -> None:
        super().__init__(text)
        self.text = text
        self.values = values


def fields(declared: Declared, translate: Translate) -> list[Field]:
    """Return the fields of a component, those of its path first, filled with the example that documents have."""
    return [*_variables(declared, translate), *_parameters(declared, translate)]


def filled(empty: list[Field], form: Mapping[str, str]) -> list[Field]:
    """Return the fields as somebody has filled them; a fault stands in each that cannot be sent."""
    return [_checked(replace(each, value=form.get(each.name, "").replace("\r\n", "\n"))) for each in empty]


def parameters(given: list[Field]) -> dict[str, Any]:
    """Return the parameters that these fields say; what is left empty is left out."""
    said: dict[str, Any] = {}
    for each in given:
        if each.name == ALL:
            said |= _value(each) or {}
        elif each.name.startswith(PARAMETER) and (value := _value(each)) is not None:
            said[each.parameter] = value
    return said


def variables(given: list[Field]) -> dict[str, str]:
    """Return the variables of the path."""
    return {each.parameter: each.value.strip() for each in given if each.name.startswith(VARIABLE)}


def _variables(declared: Declared, translate: Translate) -> Iterator[Field]:
    for name in declared.variables:
        is_token = bool(declared.stanza.tokens) and name == TOKEN_VARIABLE
        kind, described = (SECRET, translate(TOKEN)) if is_token else (TEXT, "")
        yield Field(VARIABLE + name, name, kind, described, required=True, is_first=True)


def _parameters(declared: Declared, translate: Translate) -> Iterator[Field]:
    schemas = Schemas([declared])
    model = schemas.resolved(schemas.params(declared))
    examples = request_example(declared)
    if not model["properties"]:
        component = declared.component
        takes_any = component.reads_request or component.params_type.model_config.get("extra") == "allow"
        yield Field(ALL, "", JSON, placeholder="{}", value="{}" if takes_any else "", is_first=takes_any)
        return
    needed = set(model.get("required", ()))
    for name, schema in model["properties"].items():
        if name in declared.uploads or name == "async":  # the header Prefer says the same
            continue
        plain = schemas.resolved(schema)
        kind = _kind(name, plain)
        text = schema.get("description") or plain.get("description", "")
        shown = "" if name not in examples else _shown(kind, examples[name])
        yield Field(
            PARAMETER + name,
            name,
            kind,
            translate(text) if text else "",
            required=name in needed,
            choices=tuple((str(choice), choice) for choice in plain.get("enum", ())),
            placeholder=_placeholder(kind, plain),
            default=plain.get(DEFAULT),
            is_first=name in needed or name in examples,
            is_later=name in LATER and declared.asynchronous,
            value=shown or ("on" if kind == FLAG and plain.get(DEFAULT) is True else ""),
        )


def _kind(name: str, schema: Schema) -> str:
    if "enum" in schema:
        return CHOICE
    kind = schema.get("type")
    if kind == "boolean":
        return FLAG
    if kind in (INTEGER, NUMBER):
        return str(kind)
    if kind == "string":
        return SECRET if SECRET_NAME.search(name) else LONG if name in LONG_NAMES else TEXT
    return JSON


def _shown(kind: str, value: Any) -> str:
    """Return a value as it stands in a field."""
    if kind == FLAG:
        return "on" if value else ""
    return json.dumps(value, ensure_ascii=False, indent=2) if kind == JSON else str(value)


def _placeholder(kind: str, schema: Schema) -> str:
    if DEFAULT in schema:
        return str(schema[DEFAULT])
    return {"array": "[]", "object": "{}"}.get(schema.get("type", ""), "") if kind == JSON else ""


def _checked(given: Field) -> Field:
    try:
        _value(given)
    except Unreadable as error:
        return replace(given, fault=(error.text, error.values))
    return given


def _value(given: Field) -> Any:
    """Return the value that a field says, None if it says none. A number that is none goes as it is: to be refused."""
    text = given.value
    if given.kind == FLAG:
        return bool(text) if bool(text) != bool(given.default) else None
    if not text.strip():
        if given.name.startswith(VARIABLE):
            raise Unreadable(NEEDED)
        return None
    if given.kind == JSON:
        value = _json(text)
        if given.name == ALL and not isinstance(value, dict):
            raise Unreadable(NO_OBJECT)
        return value
    if given.kind == CHOICE:
        return next((choice for shown, choice in given.choices if shown == text), text)
    if given.kind in (INTEGER, NUMBER):
        return _number(text.strip(), int if given.kind == INTEGER else float)
    return text


def _json(text: str) -> Any:
    try:
        raw = text.encode()
        if exceeded(raw, len(raw) + 1, MOST_NESTING) is not None:
            raise Unreadable(TOO_DEEP)
        json.loads(text)  # which knows line and column, and takes more
        json_codec.encode(value := json_codec.decode(raw))
    except json.JSONDecodeError as error:
        raise Unreadable(NO_JSON, line=error.lineno, column=error.colno) from None
    except (ValueError, TypeError):
        raise Unreadable(NO_VALUE) from None
    return value


def _number(text: str, kind: type[int] | type[float]) -> int | float | str:
    try:
        number = kind(text)
    except ValueError:
        return text
    return number if math.isfinite(number) else text

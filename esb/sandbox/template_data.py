"""The data of a template message: typed keys that are checked, and the text that a phone shows."""

import re
from collections.abc import Mapping
from typing import Any

from esb.sandbox.wire import Refusal

EMOJI = re.compile(r"[\u2600-\u27bf\ufe0f\U0001f000-\U0001faff]")
SHOWN_PER_FIELD = 20

# What each type takes, from the vendor's table of template parameters; None: the table gives no limit.
TYPES: dict[str, re.Pattern[str] | None] = {
    "thing": re.compile(r".{1,20}", re.DOTALL),
    "character_string": re.compile(r"[^\u2e80-\u9fff\uf900-\ufaff\uff00-\uffef]{1,32}", re.DOTALL),
    "time": re.compile(r"(?=.*\d)[\d年月日时分秒\s:：./~～-]{1,64}"),
    "amount": re.compile(r"[^\w\s.,-]?\d{1,10}(\.\d+)?元?"),
    "phone_number": re.compile(r"[\d+()\s-]{1,17}"),
    "car_number": re.compile(r".{1,8}"),
    "const": re.compile(r".{1,20}"),
    "phrase": None,
    "short_thing": None,
}


def check(data: object, types: Mapping[str, str]) -> Mapping[str, Any]:
    """Return the data if every typed key is there with a fitting value; otherwise 47003 naming the key."""
    if not isinstance(data, dict):
        raise Refusal(47003, "argument invalid! data invalid")
    for key, kind in types.items():
        if not _fits(value_of(data.get(key)), TYPES[kind]):
            raise Refusal(47003, f"argument invalid! data.{key}.value invalid")
    return data


def value_of(field: object) -> str:
    """Return the text of one `{"value": ...}`; "" of anything else, as on the phone."""
    value = field.get("value") if isinstance(field, dict) else None
    return "" if value is None else str(value)


def full_text(data: Mapping[str, Any]) -> str:
    """Return all values, a line each."""
    return "\n".join(value_of(field) for field in data.values())


def shown_text(data: Mapping[str, Any]) -> str:
    """Return the text on a phone since 2023-05-04: no first line, remark, emoji or newline, 20 characters a field."""
    fields = (value_of(field) for key, field in data.items() if key not in ("first", "remark"))
    return "\n".join(map(shown_value, fields))


def shown_value(value: str) -> str:
    """Return one field of it."""
    return EMOJI.sub("", value).replace("\n", "")[:SHOWN_PER_FIELD]


def _fits(value: str, pattern: re.Pattern[str] | None) -> bool:
    return bool(value) and (pattern is None or pattern.fullmatch(value) is not None)

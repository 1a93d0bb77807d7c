"""Fields of an official account's template: which values it shows in part, and which it refuses.

Since 2023-05-04 WeChat shows at most 20 characters of a field and strips line breaks and emoji, without an error; the
typed keys of category templates (thing5, time2 …) refuse what does not fit with errcode 47003.
Sources: developers.weixin.qq.com/community/develop/doc/000a2ae286cdc0f41a8face4c51801 and the template message guide.
"""

import re
from collections.abc import Callable, Mapping
from typing import Any

from esb.core.errors import Message, ParameterError, template

SHOWN_CHARACTERS = 20
_TYPED = re.compile(r"([a-z_]+?)\d+")
_EMOJI = re.compile("[\U0001f000-\U0001faff\u2600-\u27bf\ufe0f\u20e3]")

RULES: Mapping[str, tuple[Callable[[str], Any], str]] = {
    "thing": (lambda value: len(value) <= 20, template("at most 20 characters")),
    "character_string": (
        lambda value: len(value) <= 32 and value.isascii(),
        template("at most 32 letters, digits and signs"),
    ),
    "phone_number": (re.compile(r"[0-9+\- ]{1,17}").fullmatch, template("at most 17 digits")),
    "car_number": (lambda value: len(value) <= 8, template("at most 8 characters")),
    "amount": (re.compile(r"[^\d\s]?\d{1,10}(\.\d+)?元?").fullmatch, template("a currency sign and at most 10 digits")),
    "time": (re.compile(r".*\d{1,2}:\d{2}.*|\d{4}\D\d{1,2}\D\d{1,2}\D?").fullmatch, template("a time such as 15:01")),
}
"""Type of a key -> what its value must be."""


def check(fields: Mapping[str, tuple[str, str]]) -> list[dict[str, Any]]:
    """Return warnings of values that WeChat will not show, for `data.warnings`.

    `fields`: key -> (parameter it comes from, value).

    ParameterError for a value that a typed key is sure to refuse.
    """
    warnings = []
    for key, (parameter, value) in fields.items():
        typed = _TYPED.fullmatch(key)
        rule = RULES.get(typed.group(1)) if typed else None
        if rule is None:
            warnings += [{"field": parameter, "what": what} for what in _not_shown(value)]
        elif not rule[0](value):
            raise ParameterError(
                "notification field [{field}] does not fit {key} of the template, which takes {expected}",
                field=parameter,
                key=key,
                expected=Message(rule[1]),
            )
    return warnings


def _not_shown(value: str) -> list[Message]:
    found = []
    if len(value) > SHOWN_CHARACTERS:
        found.append(Message("WeChat shows only the first {most} characters", {"most": SHOWN_CHARACTERS}))
    if "\n" in value:
        found.append(Message("WeChat takes out line breaks"))
    if _EMOJI.search(value):
        found.append(Message("WeChat takes out emoji"))
    return found

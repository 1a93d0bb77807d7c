"""Fields of an official account's template: what is flagged, and what is refused."""

import pytest

from esb.channels.wechat.template_fields import check
from esb.core.errors import ParameterError

FIRST = "WeChat shows only the first 20 characters"
LINES = "WeChat takes out line breaks"
EMOJI = "WeChat takes out emoji"


@pytest.mark.parametrize(
    ("value", "flagged"),
    [
        ("a" * 20, []),
        ("a" * 21, [FIRST]),
        ("a\nb", [LINES]),
        ("🔥", [EMOJI]),
        ("☀", [EMOJI]),
        ("1\u20e3", [EMOJI]),
        ("你好", []),
        ("🔥\n" * 20, [FIRST, LINES, EMOJI]),
    ],
)
def test_what_an_untyped_field_does_not_show_is_flagged(value: str, flagged: list[str]) -> None:
    warnings = check({"first": ("heading", value), "remark": ("remark", "fine")})
    assert [(warning["field"], str(warning["what"])) for warning in warnings] == [("heading", text) for text in flagged]


@pytest.mark.parametrize(
    ("key", "fits", "fits_not", "expected"),
    [
        ("thing5", "🔥\n" + "a" * 18, "a" * 21, "at most 20 characters"),
        ("character_string12", "a" * 32, "a" * 33, "at most 32 letters, digits and signs"),
        ("character_string1", "", "你", "at most 32 letters, digits and signs"),
        ("phone_number1", "+86 138-0000-0000", "1" * 18, "at most 17 digits"),
        ("phone_number1", "1", "1a", "at most 17 digits"),
        ("car_number2", "粤B1234567"[:8], "粤B1234567", "at most 8 characters"),
        ("amount3", "¥1234567890.50元", "12345678901", "a currency sign and at most 10 digits"),
        ("amount3", "1", "¥¥1", "a currency sign and at most 10 digits"),
        ("time4", "2026-01-01 15:01", "today", "a time such as 15:01"),
        ("time4", "2026年1月1日", "2026", "a time such as 15:01"),
    ],
)
def test_a_value_that_a_typed_field_refuses_is_refused(key: str, fits: str, fits_not: str, expected: str) -> None:
    assert check({key: ("message", fits)}) == []
    with pytest.raises(ParameterError) as caught:
        check({key: ("message", fits_not)})
    assert str(caught.value) == (
        f"notification field [message] does not fit {key} of the template, which takes {expected}"
    )


def test_a_key_that_only_looks_typed_takes_everything() -> None:
    assert check({"thing": ("message", "a" * 20), "other7": ("date", "today")}) == []

"""Percent-encoded texts, short and long."""

import random
from urllib.parse import quote_plus, unquote_plus

import pytest

from esb.incoming.percent_encoding import FEW, WINDOW, decoded

ALPHABET = [chr(code) for code in range(128)] + [*"é二\U0001f600"]


@pytest.mark.parametrize("number", [0, 1, FEW, FEW + 1, 3 * FEW])
@pytest.mark.parametrize(
    "escape", ["%41", "%e4%ba%8C", "%25", "%3D=", "%0D%0A\r\n", "%00", "a+%20+%2B", "_%5F", "二%41"]
)
def test_a_text_is_the_same_however_many_escapes_it_has(escape: str, number: int) -> None:
    text = escape * number + "x"
    assert decoded(text.encode()) == unquote_plus(text, errors="strict")


@pytest.mark.parametrize("text", ["+", "+a", "a+", "a", "", "+%20", "%20+"])
def test_a_plus_is_a_blank_wherever_it_stands(text: str) -> None:
    between = b"x=" + text.encode() + b"&+%41"
    assert decoded(between, 2, 2 + len(text)) == unquote_plus(text)


@pytest.mark.parametrize("size", [WINDOW - 1, WINDOW, WINDOW + 1, 2 * WINDOW + 1])
@pytest.mark.parametrize("letter", ["+", "二"])
def test_a_long_text_is_decoded_as_a_short_one(letter: str, size: int) -> None:
    text = (letter * size).encode()[:size].decode(errors="ignore") + "+"
    assert decoded(text.encode()) == text.replace("+", " ")


@pytest.mark.parametrize("before", [0, 1, 2, 3, 4])
def test_no_window_cuts_an_escape_in_two(before: int) -> None:
    text = "x" * before + "%e4%ba%8c" * (WINDOW // 9 + 1) + "x" * 3 * WINDOW
    assert decoded(text.encode()) == unquote_plus(text)


def test_whatever_was_encoded_is_decoded_again() -> None:
    chosen = random.Random(7)
    for _ in range(50):
        text = "".join(chosen.choices(ALPHABET, k=3 * FEW))
        for safe in ("", "=", "&=/ \r\n\t_?"):
            assert decoded(quote_plus(text, safe=safe).encode()) == text


def test_a_percent_sign_that_begins_no_escape_stands_for_itself_where_there_are_few() -> None:
    assert decoded(b"100% %zz %4" + b"%" * 10) == "100% %zz %4" + "%" * 10


@pytest.mark.parametrize(
    "end",
    [b"%", b"%4", b"%zz", b"%%", b"%\n", b"%\rabc\n", b"%%41", b"%=", b"%\xe4\xba\x8c", b"%FF", b"\xff", b"%ED%A0%80"],
)
def test_among_many_escapes_each_has_to_be_right(end: bytes) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - the caller makes its own text of any
        decoded(b"%41" * (FEW + 1) + end + b"x")


@pytest.mark.parametrize("number", [0, 1000, 1001])
@pytest.mark.parametrize("end", [b"%ff", b"%e4%ba", b"%ED%A0%80", b"\xe4\xba"])
def test_however_many_escapes_there_are_they_are_utf_8(end: bytes, number: int) -> None:
    with pytest.raises(ValueError, match="decode"):
        decoded(b"%41" * number + end)


@pytest.mark.parametrize("end", [b"%", b"%\r", b"%\n", b"%4"])
def test_the_last_of_many_escapes_has_to_be_whole(end: bytes) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - the caller makes its own text of any
        decoded(b"x" + b"%41" * 1001 + b"x" * 100 + end)


def test_a_text_may_be_escapes_alone() -> None:
    assert decoded(b"%41" * 1001) == "A" * 1001


def test_among_many_escapes_there_are_not_as_many_bare_equals_signs() -> None:
    escapes = b"%41" * 1001
    assert decoded(escapes + b"=" * 100_000).endswith("A" + "=" * 100_000)
    with pytest.raises(ValueError, match="not a percent-encoded text"):
        decoded(escapes + b"=" * 100_001)
    assert decoded(escapes[3:] + b"=" * 100_001).endswith("=" * 100_001)


def test_more_than_a_thousand_escapes_are_many() -> None:
    assert decoded(b"%41" * 999 + b"%zz") == "A" * 999 + "%zz"
    with pytest.raises(ValueError, match="a percent sign that begins no escape"):
        decoded(b"%41" * 1000 + b"%zz")


def test_a_long_text_of_few_escapes_is_decoded_as_a_short_one() -> None:
    text = "x+" * WINDOW + "%e4%ba%8c"
    assert decoded(text.encode()) == unquote_plus(text)

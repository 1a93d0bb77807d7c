"""Values in paths: one text, one meaning, whoever reads it."""

import pytest

from esb.core.path_values import LONGEST, is_sound


@pytest.mark.parametrize(
    "text", ["7", "a b", "ü", "a.b", "..a", ".hidden", "50%", "a%20b", "%41", "a&b=c,d", "~", "a:b@c"]
)
def test_a_text_without_a_second_meaning_is_sound(text: str) -> None:
    assert is_sound(text, slashes=False)
    assert is_sound(text, slashes=True)


@pytest.mark.parametrize("text", ["a/b", "a/b/c.d", ".git/x"])
def test_slashes_are_for_values_of_several_segments(text: str) -> None:
    assert not is_sound(text, slashes=False)
    assert is_sound(text, slashes=True)


@pytest.mark.parametrize(
    "text",
    [
        *(
            "",
            ".",
            "..",
            "...",
            ". .",
            " ",
            "/",
            "/a",
            "a/",
            "a//b",
            "../a",
            "a/..",
            "a/./b",
            "a/.. /b",
            "a\\b",
            "a?b",
            "a#b",
        ),
        *("a;b", "a\x00", "a\x1fb", "a\x7fb", "a\nb", "\ud800", "a\udc2fb", "a\udcffb"),
        *(
            "%2F",
            "%2f",
            "%5c",
            "%2e",
            "%25",
            "%00",
            "%1F",
            "%7f",
            "%3b",
            "%3F",
            "%23",
            "%80",
            "%FF",
            "%C3%BC",
            "%u2215",
        ),
    ],
)
@pytest.mark.parametrize("slashes", [False, True])
def test_what_ends_or_parts_a_path_for_anybody_is_not_sound(text: str, slashes: bool) -> None:
    assert not is_sound(text, slashes=slashes)


@pytest.mark.parametrize("slashes", [True, False])
def test_no_value_is_longer_than_an_address(slashes: bool) -> None:
    assert is_sound("a" * LONGEST, slashes=slashes)
    assert not is_sound("a" * (LONGEST + 1), slashes=slashes)

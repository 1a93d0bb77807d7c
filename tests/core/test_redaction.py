"""Secrets are taken out of a text in every form that a request gives them."""

import html
import json
from urllib.parse import quote, urlencode

import pytest

from esb.core.redaction import redacted

SECRET = 'a+b/c= d&"é'


@pytest.mark.parametrize(
    "form",
    [SECRET, quote(SECRET, safe=""), json.dumps(SECRET)[1:-1], json.dumps(SECRET, ensure_ascii=False)[1:-1]],
)
def test_a_secret_is_taken_out_in_every_form(form: str) -> None:
    assert redacted(f"cannot open {form}!{form}", [SECRET]) == "cannot open ***!***"


def test_a_form_and_a_page_carry_it_too() -> None:
    assert redacted(urlencode({"secret": SECRET, "a": 1}), [SECRET]) == "secret=***&a=1"
    assert redacted(f"<p>{html.escape(SECRET)}</p>", [SECRET]) == "<p>***</p>"


@pytest.mark.parametrize("sign", [chr(code) for code in range(32, 127)])
def test_whatever_sign_is_in_a_secret_each_of_its_forms_is_taken_out(sign: str) -> None:
    secret = f"secret{sign}secret"
    forms = (secret, quote(secret, safe=""), urlencode({"": secret})[1:], html.escape(secret), json.dumps(secret)[1:-1])
    assert {redacted(form, [secret]) for form in forms} == {"***"}


def test_several_secrets_are_taken_out_and_an_empty_one_is_none() -> None:
    assert redacted("one two three", ["one", "", "three"]) == "*** two ***"
    assert redacted("corp-secret's, app-secrets", ["corp-secret", "", "app-secret"]) == "***'s, ***s"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("invalid appsecret, a is not allowed", "invalid appsecret, *** is not allowed"),
        ("secret=a&grant_type=client_credential", "secret=***&grant_type=client_credential"),
        ('{"secret": "a"}', '{"secret": "***"}'),
        ("密钥a错误", "密钥***错误"),
        ("a", "***"),
        ("A and aa", "A and aa"),
    ],
)
def test_a_short_secret_is_taken_out_where_it_stands_by_itself(text: str, told: str) -> None:
    assert redacted(text, ["a"]) == told


def test_a_short_secret_of_signs_is_taken_out_wherever_it_stands() -> None:
    assert redacted("key!?key: !?", ["!?"]) == "key***key: ***"
    assert redacted("b!a !ab", ["!a"]) == "b*** !ab"
    assert redacted("a!b ba!", ["a!"]) == "***b ba!"


def test_a_secret_within_another_leaves_nothing_of_it() -> None:
    assert redacted("key=abcdef", ["abc", "abcdef"]) == "key=***"


def test_a_text_without_secrets_stays_as_it_is() -> None:
    assert redacted("invalid credential", ["corp-secret"]) == "invalid credential"


def test_a_whole_is_taken_out_before_its_parts() -> None:
    assert redacted("a secret-and-more b", ["secret", "secret-and-more"]) == "a *** b"
    assert redacted("a secret-and-more b", ["secret-and-more", "secret"]) == "a *** b"
    assert redacted("abcdefgh", ["bcdefg", "abcdefgh"]) == "***"


@pytest.mark.parametrize(("secret", "text", "seen"), [("abcde", "xabcdex", "xabcdex"), ("abcdef", "xabcdefx", "x***x")])
def test_six_characters_are_a_secret_inside_a_word(secret: str, text: str, seen: str) -> None:
    assert redacted(text, [secret]) == seen

"""The fields of a form: each in its kind, and the parameters that a filled one says."""

from typing import Any

import pytest

from esb.portal.console_form import Field, filled, parameters


def said(kind: str, text: str, **more: Any) -> dict[str, Any]:
    """Return the parameters that one field says."""
    return parameters(filled([Field("p.a", "a", kind, **more)], {"p.a": text}))


def fault(kind: str, text: str, name: str = "p.a") -> str:
    """Return what is wrong with the text of a field, "" for nothing."""
    [field] = filled([Field(name, "a", kind)], {name: text})
    return "" if field.fault is None else field.fault[0] % field.fault[1]


@pytest.mark.parametrize(
    ("kind", "text", "value"),
    [
        ("text", " a ", " a "),
        ("long", "a\r\nb", "a\nb"),
        ("integer", " 7 ", 7),
        ("integer", "seven", "seven"),
        ("number", "1.5", 1.5),
        ("number", "nan", "nan"),
        ("number", "1e999", "1e999"),
        ("integer", "9" * 5000, "9" * 5000),
        ("json", '{"a": [1, null]}', {"a": [1, None]}),
        ("json", "null", None),
        ("flag", "on", True),
    ],
)
def test_a_text_becomes_what_its_kind_says_and_what_it_does_not_fit_goes_as_it_is(
    kind: str, text: str, value: Any
) -> None:
    assert said(kind, text) == ({} if value is None else {"a": value})


@pytest.mark.parametrize("kind", ["text", "long", "secret", "integer", "number", "choice", "json", "flag"])
def test_what_is_left_empty_is_left_out(kind: str) -> None:
    assert said(kind, "") == {}
    assert said(kind, "") == parameters(filled([Field("p.a", "a", kind)], {}))


def test_a_flag_that_is_usually_on_is_said_when_it_is_off() -> None:
    assert said("flag", "on", default=True) == {}
    assert said("flag", "", default=True) == {"a": False}


def test_a_choice_is_the_value_behind_its_text() -> None:
    choices = (("1", 1), ("two", "two"))
    assert said("choice", "1", choices=choices) == {"a": 1}
    assert said("choice", "3", choices=choices) == {"a": "3"}


def test_a_field_of_all_parameters_is_an_object() -> None:
    assert parameters(filled([Field("p.", "", "json")], {"p.": '{"b": 1}'})) == {"b": 1}
    assert "JSON object" in fault("json", "[1]", "p.")


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("{", "line 1, column 2"),
        ("[" * 100_000, "nested too deep"),
        ("[" * 900 + "]" * 900, "nested too deep"),
        ('{"a": NaN}', "JSON"),
        ('"\\ud800"', "JSON"),
        ("[" + "9" * 5000 + "]", "no such value"),
    ],
)
def test_what_is_no_json_is_a_fault_of_its_field(text: str, told: str) -> None:
    assert told in fault("json", text)


def test_a_part_of_the_address_is_needed() -> None:
    assert "part of the address" in fault("text", " ", "v.a")
    assert fault("text", "x", "v.a") == ""

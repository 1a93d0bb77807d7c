"""The form in which documents advise to send parameters, and in which answers are read."""

from typing import Annotated, Any

import pytest
from jsonschema import Draft202012Validator
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from esb import Dicts, LooseBool, Params, Receivers, RequiredDict, RequiredReceivers, RequiredText, Text, Whole, either
from esb.introspect.json_schema import schema_of
from esb.introspect.plain_schema import answered, merged, sent
from tests.support.parameter_values import VALUES


class Item(Params):
    name: RequiredText


class Everything(Params):
    text: Text = ""
    required_text: RequiredText = "a"
    whole: Whole = None
    flag: LooseBool = False
    receivers: Receivers = ()
    required_receivers: RequiredReceivers = ("a",)
    item: Annotated[Item, RequiredDict] = Item(name="a")
    items: Annotated[tuple[Item, ...], Dicts] = ()
    number: int | None = None
    choice: Annotated[Text, Field(json_schema_extra={"enum": ["", "a", None]})] = "a"


PLAIN = {
    "text": {"type": "string"},
    "required_text": {"type": "string", "minLength": 1, "x-default": "a"},
    "whole": {"type": "integer"},
    "flag": {"type": "boolean", "x-default": False},
    "receivers": {"type": "string"},
    "required_receivers": {"type": "string", "minLength": 1},
    "items": {"type": "array", "items": {"$ref": "#/$defs/Item"}},
    "number": {"type": "integer"},
    "choice": {"type": "string", "enum": ["a"], "x-default": "a"},
}


def test_every_parameter_has_one_type() -> None:
    plain = sent(schema_of(Everything))["properties"]

    assert {name: plain[name] for name in PLAIN} == PLAIN


@pytest.mark.parametrize("name", [name for name in PLAIN if name not in {"items", "choice"}])
@pytest.mark.parametrize("value", VALUES, ids=repr)
def test_the_gateway_takes_what_is_advised(name: str, value: Any) -> None:
    schema = sent(schema_of(Everything))["properties"][name]
    if not Draft202012Validator(schema).is_valid(value) or "\x00" in str(value) or not str(value).strip(" ,;"):
        return  # not advised, or text that only looks so

    try:
        Everything.model_validate({name: value})
    except ValidationError as error:
        pytest.fail(str(error))


def test_conditions_become_words() -> None:
    class Two(Params):
        """Two."""

        model_config = ConfigDict(json_schema_extra=either("one", "other"))

        one: Text = ""
        other: Text = ""

    plain = sent(schema_of(Two))

    assert "anyOf" not in plain
    assert plain["description"] == "Two. At least one is required: one, other."


class Answered(BaseModel):
    left_out: str | None = None
    null: str | None = Field()
    sometimes_null: float | None = Field(0)
    mixed: int | str | None
    inner: list[str | None] = []


def test_an_answer_is_null_only_where_it_is_said_so() -> None:
    plain = answered(schema_of(Answered))

    assert plain["properties"] == {
        "left_out": {"type": "string"},
        "null": {"type": ["string", "null"]},
        "sometimes_null": {"type": ["number", "null"]},
        "mixed": {},
        "inner": {"type": "array", "items": {"type": ["string", "null"]}},
    }


def test_answers_of_several_forms_are_read_as_one() -> None:
    one, other = ({"type": "object", "properties": {name: {"type": "string"}}, "required": [name]} for name in "ab")

    assert merged([one, other], "Both.") == {
        "type": "object", "description": "Both.", "properties": {"a": {"type": "string"}, "b": {"type": "string"}}
    }  # fmt: skip

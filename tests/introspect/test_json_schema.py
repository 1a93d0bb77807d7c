"""The JSON Schema of a parameter accepts and refuses the same values as the gateway."""

from typing import Annotated, Any

import pytest
from jsonschema import Draft202012Validator
from pydantic import ConfigDict, Field, ValidationError

from esb import (
    Dicts,
    LooseBool,
    Params,
    Receivers,
    RequiredDict,
    RequiredReceivers,
    RequiredText,
    Text,
    Whole,
    either,
)
from esb.introspect.declared import paragraphs
from esb.introspect.json_schema import schema_of
from esb.introspect.tables import example, nested, tables
from esb.plugins.cmsi_send_mail import SendMailParams
from esb.plugins.cmsi_send_mp_weixin import SendMpWeixinParams
from esb.plugins.cmsi_send_msg import SendMsgParams
from esb.plugins.cmsi_send_qy_weixin import SendQyWeixinParams
from esb.plugins.cmsi_send_sms import SendSmsParams
from esb.plugins.cmsi_send_voice_msg import SendVoiceMsgParams
from esb.plugins.cmsi_send_wecom_robot import SendWecomRobotParams
from esb.plugins.cmsi_send_weixin import SendWeixinParams
from tests.support.parameter_values import VALUES


class Item(Params):
    name: RequiredText


class Text1(Params):
    value: Text


class RequiredText1(Params):
    value: RequiredText


class Whole1(Params):
    value: Whole


class LooseBool1(Params):
    value: LooseBool


class Receivers1(Params):
    value: Receivers


class RequiredReceivers1(Params):
    value: RequiredReceivers


class RequiredDict1(Params):
    value: Annotated[Item, RequiredDict]


class Dicts1(Params):
    value: Annotated[tuple[Item, ...], Dicts]


EMPTY_LISTS: list[Any] = [None, False, 0, "", {}]
"""Values that an old caller may send for an empty list; a document need not advise them."""
BLANK = [[""]]
"""A list of nothing but blanks, which no schema need tell from others."""


@pytest.mark.parametrize(
    ("model", "unsaid", "oversaid"),
    [
        (Text1, [], []),
        (RequiredText1, [], []),
        (Whole1, [], []),
        (LooseBool1, [], []),
        (Receivers1, [], []),
        (RequiredReceivers1, [], BLANK),
        (RequiredDict1, [], []),
        (Dicts1, EMPTY_LISTS, []),
    ],
)
def test_the_schema_of_a_type_says_what_is_accepted(
    model: type[Params], unsaid: list[Any], oversaid: list[Any]
) -> None:
    schema = Draft202012Validator(schema_of(model))
    for value in VALUES:
        said = schema.is_valid({"value": value})
        if said != accepted(model, {"value": value}):
            assert any(
                value is each or (value == each and type(value) is type(each))
                for each in (oversaid if said else unsaid)
            ), value


def accepted(model: type[Params], arguments: dict[str, Any]) -> bool:
    try:
        model.model_validate(arguments)
    except ValidationError:
        return False
    return True


MODELS = [
    SendWeixinParams, SendMpWeixinParams, SendQyWeixinParams, SendMailParams, SendSmsParams, SendVoiceMsgParams,
    SendMsgParams, SendWecomRobotParams,
]  # fmt: skip


@pytest.mark.parametrize("model", MODELS)
def test_every_parameter_has_a_description_and_a_type(model: type[Params]) -> None:
    for table in tables(schema_of(model)):
        for row in table.rows:
            assert row.description, row.name
            assert row.kind != "any", row.name


@pytest.mark.parametrize("model", MODELS)
def test_the_example_is_accepted_by_schema_and_gateway(model: type[Params]) -> None:
    shown = example(schema_of(model))

    assert accepted(model, shown)
    assert Draft202012Validator(schema_of(model)).is_valid(shown)


@pytest.mark.parametrize("model", MODELS)
def test_what_must_be_there_is_told(model: type[Params]) -> None:
    schema = Draft202012Validator(schema_of(model))
    shown = example(schema_of(model))
    for name in [*shown, "data.heading", "data.message"]:
        lacking = {key: dict(value) if isinstance(value, dict) else value for key, value in shown.items()}
        first, _, inner = name.partition(".")
        if inner and first not in lacking:
            continue
        lacking[first].pop(inner) if inner else lacking.pop(first)
        assert schema.is_valid(lacking) == accepted(model, lacking), name


def test_a_template_card_needs_no_heading() -> None:
    shown = {"receiver": "a", "data": {"msgtype": "template_card", "template_card": {"card_type": "text_notice"}}}

    assert accepted(SendWeixinParams, shown)
    assert Draft202012Validator(schema_of(SendWeixinParams)).is_valid(shown)


def test_one_of_two_is_enough_and_none_is_not() -> None:
    schema = Draft202012Validator(either("one", "other"))

    assert schema.is_valid({"one": "a"})
    assert schema.is_valid({"other": ["a"], "one": ""})
    assert not schema.is_valid({"one": " ,", "other": []})
    assert not schema.is_valid({})


def test_a_model_that_holds_itself_has_its_table_once() -> None:
    assert [table.of for table in tables(schema_of(Tree))] == ["", "children"]


class Tree(Params):
    name: Text = ""
    children: "tuple[Tree, ...]" = ()


def test_what_json_schema_cannot_say_is_left_open() -> None:
    class Odd(Params):
        model_config = ConfigDict(arbitrary_types_allowed=True)

        value: complex | Any = Field(None, description="odd")
        other: Accepted | None = None

    assert schema_of(Odd)["properties"]["value"]["description"] == "odd"
    assert "other" in schema_of(Odd)["properties"]


class Accepted:
    """No model."""


def test_a_paragraph_is_one_line() -> None:
    assert paragraphs("One\n    line.\n\n    And\n    another.\n    ") == ["One line.", "And another."]


def test_unions_of_the_same_types_keep_their_order() -> None:
    assert schema_of(int | str)["anyOf"][0] == {"type": "integer"}
    assert schema_of(str | int)["anyOf"][0] == {"type": "string"}


def test_one_table_has_the_parameters_of_all_models_below_their_own() -> None:
    rows = {row.name: row for row in nested(schema_of(SendWeixinParams))}
    assert list(rows)[list(rows).index("data.articles") + 1] == "data.articles[].title"
    assert rows["data.heading"].required
    assert rows["data.heading"].example == "blueking alarm"


def test_a_model_that_holds_itself_ends_in_that_table() -> None:
    assert [row.name for row in nested(schema_of(Tree))] == [
        "name",
        "children",
        "children[].name",
        "children[].children",
    ]

"""Parameter types: what ESB callers send, and what they are told when it is wrong."""

import json
from collections.abc import Callable
from typing import Annotated, Any

import pytest
from pydantic import BaseModel, Field, ValidationError, model_validator

from esb.core.errors import ParameterError
from esb.core.parameter_error import parameter_error
from esb.core.params import (
    Dicts,
    Label,
    LooseBool,
    Params,
    Receivers,
    RequiredDict,
    RequiredReceivers,
    RequiredText,
    Text,
    Whole,
    problem,
)


class Message(Params):
    heading: Annotated[RequiredText, Label("notification header")]
    urgent: Annotated[LooseBool, Label("urgency", "is_urgent")] = False


class Attachment(Params):
    filename: Annotated[RequiredText, Label("attachment name")]


class Sending(Params):
    receiver: Annotated[Receivers, Label("wechat receiver")] = ()
    data: Annotated[Message, RequiredDict, Label("message data")] = Message(heading="-")
    remark: Text = ""
    agentid: Annotated[Whole, Label("corp agentid")] = None
    attachments: Annotated[tuple[Attachment, ...], Dicts, Label("attachments")] = ()
    copies: Annotated[RequiredReceivers, Label("copies")] = ("somebody",)

    @model_validator(mode="after")
    def _not_to_nobody(self) -> "Sending":
        if "nobody" in self.receiver:
            raise problem("{who} receives nothing", who="nobody")
        return self


def taken(**parameters: Any) -> Sending:
    return Sending.model_validate(parameters)


def refusal(model: type[BaseModel] = Sending, /, **parameters: Any) -> str:
    with pytest.raises(ValidationError) as caught:
        model.model_validate(parameters)
    error = parameter_error(caught.value, model)
    assert isinstance(error, ParameterError)
    assert error.data is None or [*error.data] == ["hint"]
    return str(error)


@pytest.mark.parametrize(
    ("value", "text"),
    [("a", "a"), ("  a b \n", "a b"), ("", ""), (None, ""), (42, "42"), (1.5, "1.5"), (0, "0"), ("二", "二")],
)
def test_text_is_stripped_and_numbers_become_text(value: Any, text: str) -> None:
    assert taken(remark=value).remark == text


@pytest.mark.parametrize("value", [True, False, [], ["a"], {}, {"a": 1}])
def test_other_types_are_no_text(value: Any) -> None:
    assert refusal(remark=value) == "remark [remark] Must be the specified parameter data type string"


def test_text_has_no_null_characters() -> None:
    assert refusal(remark="a\x00b") == "remark [remark] Null characters are not allowed."


@pytest.mark.parametrize("value", [None, "", "  \n\t", "\u3000"])
def test_required_text_is_not_blank(value: Any) -> None:
    assert refusal(data={"heading": value}) == "notification header [heading] This field is required."


def test_required_text_that_is_missing_has_the_same_words() -> None:
    assert refusal(data={"urgent": 1}) == "notification header [heading] This field is required."


@pytest.mark.parametrize(
    ("value", "whole"),
    [(7, 7), (0, 0), (-7, -7), ("7", 7), (" +7 ", 7), ("-7", -7), ("007", 7), ("", None), (None, None)],
)
def test_a_whole_number_may_be_text(value: Any, whole: int | None) -> None:
    assert taken(agentid=value).agentid == whole


@pytest.mark.parametrize(
    "value", ["a", "7.0", "1e3", "0x10", "1_000", "7 7", "٧", "²", " ", True, 7.5, 7.0, [], {}, [7], "9" * 5000]
)
def test_anything_else_is_no_whole_number(value: Any) -> None:
    assert refusal(agentid=value) == "corp agentid [agentid] Enter a whole number."


@pytest.mark.parametrize(
    ("value", "truth"),
    [
        (True, True),
        (False, False),
        (1, True),
        (0, False),
        (0.0, False),
        (None, False),
        ("", False),
        ("0", False),
        ("false", False),
        (" FALSE ", False),
        ("no", True),
        ("1", True),
        ([], False),
        ({}, False),
    ],
)
def test_a_loose_boolean_is_what_callers_meant(value: Any, truth: bool) -> None:
    assert taken(data={"heading": "h", "urgent": value}).data.urgent is truth


@pytest.mark.parametrize("value", [[False], {"a": 1}])
def test_a_filled_container_is_no_boolean(value: Any) -> None:
    told = refusal(data={"heading": "h", "urgent": value})
    assert told == "urgency [is_urgent] Must be the specified parameter data type bool"


@pytest.mark.parametrize(
    ("value", "receivers"),
    [
        ("a", ("a",)),
        ("a,b;c d\ne\r\nf\tg", ("a", "b", "c", "d", "e", "f", "g")),
        (",, ;a,,b;", ("a", "b")),
        (["a", "b"], ("a", "b")),
        (["a,b", " c "], ("a,b", "c")),
        ([1, "2"], ("1", "2")),
        (["b", "", "a", " ", "b", "a"], ("b", "a")),
        (123, ("123",)),
        ('["a", "b c", 3]', ("a", "b c", "3")),
        (' [ "a" ] ', ("a",)),
        ("[a, b]", ("[a", "b]")),
        ("[]", ()),
        ("", ()),
        ("  ", ()),
        (None, ()),
        ([], ()),
        (("a", "b"), ("a", "b")),
        ("二,三", ("二", "三")),
    ],
)
def test_receivers_come_in_every_form_and_each_counts_once(value: Any, receivers: tuple[str, ...]) -> None:
    assert taken(receiver=value).receiver == receivers


@pytest.mark.parametrize(
    "shape",
    [
        list,
        tuple,
        ",".join,
        lambda names: " " + " ; ".join(names) + " ; ",
        json.dumps,
        lambda names: "[" + ",".join(names),
    ],
    ids=["list", "tuple", "commas", "blanks around", "JSON", "no JSON after all"],
)
def test_receivers_have_a_limit(shape: Callable[[list[str]], Any]) -> None:
    def receivers(number: int) -> tuple[str, ...]:
        names = [f"n{index}" for index in range(number)]
        sent = {"data": {"heading": "x"}, "receiver": shape(names)}
        return Sending.model_validate(sent, context={"receivers": 20}).receiver

    assert len(receivers(20)) == 20
    with pytest.raises(ValidationError) as caught:
        receivers(21)
    assert "Must be at most 20 receivers (server.limits.receivers)" in str(parameter_error(caught.value, Sending))


def test_receivers_have_a_limit_where_no_gateway_says_which() -> None:
    assert len(taken(receiver=[*range(10_000)]).receiver) == 10_000
    with pytest.raises(ValidationError):
        taken(receiver=[*range(10_001)])


@pytest.mark.parametrize("shape", [str, lambda name: [name], lambda name: f'["{name}"]'])
def test_no_receiver_is_longer_than_any_address(shape: Callable[[str], Any]) -> None:
    assert taken(receiver=shape("a" * 320)).receiver == ("a" * 320,)
    assert refusal(receiver=shape("a" * 321)) == "wechat receiver [receiver] Must be at most 320 characters"


@pytest.mark.parametrize("value", [{}, {"a": 1}, True, False, 1.5])
def test_receivers_are_no_other_type(value: Any) -> None:
    assert refusal(receiver=value) == "wechat receiver [receiver] Must be the specified parameter data type list"


@pytest.mark.parametrize("value", [["a", {}], [["a"]], [None], [True], [1.5], '["a", null]', '[["a"]]', '[{"a": 1}]'])
def test_receivers_are_strings_to_the_last(value: Any) -> None:
    assert refusal(receiver=value) == "wechat receiver [receiver] Must be a list of strings"


def test_a_receiver_has_no_null_characters() -> None:
    assert refusal(receiver=["a\x00"]) == "wechat receiver [receiver] Null characters are not allowed."


def test_a_list_in_a_string_that_is_nested_too_deep_is_taken_for_text() -> None:
    assert taken(receiver="[" * 300).receiver == ("[" * 300,)


@pytest.mark.parametrize("value", ["", None, [], ["", " "], ",;"])
def test_required_receivers_are_at_least_one(value: Any) -> None:
    assert refusal(copies=value) == "copies [copies] This field is required."


@pytest.mark.parametrize("value", [None, "", {}, [], 0, False])
def test_a_required_dict_is_not_empty(value: Any) -> None:
    assert refusal(data=value) == "message data [data] This field is required."


@pytest.mark.parametrize("value", ["text", '{"heading": "h"}', [1], 42, True])
def test_a_required_dict_is_a_dict(value: Any) -> None:
    assert refusal(data=value) == "message data [data] Must be the specified parameter data type dict"


@pytest.mark.parametrize("value", [None, "", [], {}])
def test_a_list_of_dicts_may_be_empty(value: Any) -> None:
    assert taken(attachments=value).attachments == ()


def test_a_list_of_dicts_is_one_to_the_last() -> None:
    assert refusal(attachments="a") == "attachments [attachments] Must be the specified parameter data type list"
    assert refusal(attachments=[{"filename": "a"}, 1]) == "attachments [attachments] Must be a list of dicts"
    assert refusal(attachments=[{"filename": "a"}, {}]) == "attachment name [filename] This field is required."


def test_only_the_first_problem_in_declaration_order_is_told() -> None:
    told = refusal(copies="", agentid="x", data={}, receiver={})
    assert told == "wechat receiver [receiver] Must be the specified parameter data type list"


def test_a_problem_of_all_parameters_together_has_no_label() -> None:
    assert refusal(receiver="nobody") == "nobody receives nothing"


def test_unknown_parameters_are_ignored_at_every_depth() -> None:
    assert taken(colour="red", data={"heading": "h", "colour": ["red"]}).data.heading == "h"


class Strict(Params):
    number: int = Field(0, title="how many")
    braces: Text = ""


def test_a_type_of_pydantics_own_is_told_with_its_words_and_without_the_value() -> None:
    told = refusal(Strict, number="hunter2")
    assert told.startswith("how many [number] Input should be a valid integer")
    assert "hunter2" not in told


def test_what_a_caller_sends_is_no_template() -> None:
    told = refusal(Strict, braces=["{text}"])
    assert told == "braces [braces] Must be the specified parameter data type string"
    assert taken(receiver="{a},{0}").receiver == ("{a}", "{0}")


def test_parameters_are_frozen() -> None:
    with pytest.raises(ValidationError):
        taken().remark = "changed"  # type: ignore[misc]  # that it cannot be assigned is the point

"""Parameters as a query or a form has them, however long."""

from typing import Any
from urllib.parse import urlencode

import pytest

from esb.core.errors import RequestError
from esb.plugins.http.form_texts import LONGEST_QUERY, WINDOW, encoded_form, encoded_query, pairs_of


@pytest.mark.parametrize(
    "text", ["", "a b&c=d", "中" * (WINDOW + 1), "x" * (WINDOW - 1) + "é" * 3, "\U0001f600" * WINDOW]
)
def test_a_form_is_encoded_as_urlencode_does(text: str) -> None:
    pairs = [("first", "1"), ("a b", text), (text[:9], ""), ("last", text)]
    assert encoded_form(pairs) == urlencode(pairs).encode()
    assert encoded_form([]) == b""


def test_lists_in_lists_repeat_their_name_in_order() -> None:
    value = [1, [2, [], [3, [None, True]], 4], {"b": [5]}, "6"]
    assert [text for _, text in pairs_of({"a": value})] == ["1", "2", "3", "true", "4", '{"b":[5]}', "6"]
    assert pairs_of({"a": None, "b": [], "c": (1, "2")}) == [("c", "1"), ("c", "2")]


@pytest.mark.parametrize("text", ["x", "中"], ids=["as it is", "encoded"])
def test_a_query_is_as_long_as_an_address_may_be(text: str) -> None:
    most = (LONGEST_QUERY - len("a=")) // len(urlencode({"": text}).removeprefix("="))
    assert encoded_query([("a", text * most)]) == urlencode({"a": text * most})
    with pytest.raises(RequestError, match="longer than 65536 characters"):
        encoded_query([("a", text * (most + 1))])


def test_the_signs_between_parameters_count() -> None:
    pairs = [("", "")] * (LONGEST_QUERY // 2)
    assert len(encoded_query(pairs)) == LONGEST_QUERY - 1
    with pytest.raises(RequestError):
        encoded_query([*pairs, ("", "")])


@pytest.mark.parametrize(
    ("value", "texts"),
    [
        ("a b", ["a b"]),
        ("", [""]),
        (0, ["0"]),
        (1.5, ["1.5"]),
        (True, ["true"]),
        (False, ["false"]),
        (None, []),
        ([], []),
        (["a", None, (1, [True])], ["a", "1", "true"]),
        ({"a": [1, None]}, ['{"a":[1,null]}']),
        ([{"a": 1}, {}], ['{"a":1}', "{}"]),
    ],
)
def test_a_list_repeats_its_name_and_null_is_left_out(value: Any, texts: list[str]) -> None:
    assert pairs_of({"before": 1, "name": value}) == [("before", "1"), *(("name", text) for text in texts)]


def test_a_form_keeps_the_order_of_its_pairs() -> None:
    assert encoded_form([("b", "1 &"), ("a", "ü"), ("b", "")]) == b"b=1+%26&a=%C3%BC&b="

"""What a repetition must have in common with the first call."""

from functools import partial
from typing import Any

import pytest

from esb.core.call import Call
from esb.delivery.call_digests import content_of
from tests.support.calls import make_call


def of(args: dict[str, Any], *, by_header: bool = False) -> str:
    call: Call = make_call(args=args)
    return content_of(call, by_header=by_header)


@pytest.mark.parametrize("name", ["idempotency_key", "dry_run"])
async def test_what_is_asked_of_the_gateway_is_an_argument_only_where_headers_ask_it(name: str) -> None:
    assert of({"a": 1, name: "x"}) == of({"a": 1})
    assert of({"a": 1, name: "x"}, by_header=True) != of({"a": 1}, by_header=True)


@pytest.mark.parametrize("by_header", [False, True])
async def test_arguments_are_compared_and_who_calls_is_told_otherwise(by_header: bool) -> None:
    digests = partial(of, by_header=by_header)
    assert digests({"a": 1, "b": 2}) == digests({"b": 2, "a": 1}) != digests({"a": 1})
    assert digests({"a": 1, "bk_username": "x"}) == digests({"a": 1, "bk_username": "y"})

"""The chain: who stands before whom."""

from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any

import pytest

from esb.contracts.middleware import Handler
from esb.core.call import Call
from esb.core.errors import EsbError
from esb.incoming.dispatch import compose
from tests.support.calls import explode, make_call


def marking(name: str, seen: list[str]) -> Callable[[Call, Handler], Awaitable[Any]]:
    async def middleware(call: Call, handler: Handler) -> Any:
        seen.append(f"{name} in")
        answer = await handler(replace(call, args={**call.args, name: True}))
        seen.append(f"{name} out")
        return answer

    return middleware


async def arguments(call: Call) -> Any:
    return call.args


async def test_the_first_is_the_outermost() -> None:
    seen: list[str] = []
    handler = compose([marking("first", seen), marking("second", seen)], arguments)
    assert await handler(make_call()) == {"first": True, "second": True}
    assert seen == ["first in", "second in", "second out", "first out"]


async def test_an_empty_chain_is_the_handler_itself() -> None:
    assert compose([], arguments) is arguments


async def test_a_middleware_that_raises_keeps_the_call_from_the_rest() -> None:
    async def refuse(call: Call, handler: Handler) -> Any:
        raise EsbError("no")

    with pytest.raises(EsbError, match="no"):
        await compose([refuse], explode)(make_call())


async def test_a_chain_serves_many_calls() -> None:
    handler = compose([marking("a", [])], arguments)
    assert [await handler(make_call(args={"n": number})) for number in range(3)] == [
        {"n": number, "a": True} for number in range(3)
    ]

"""Repetitions that a component knows by itself, where their callers give no key."""

from typing import Any

import pytest

from esb import Call, Component, Repetition
from tests.support.clock import Clock
from tests.support.components import Free
from tests.support.configuration import DEMO
from tests.support.gateway import Gateway, OpenGateway


class Counting(Component[Any, Free]):
    """Counts what it sends; a call with an `id` is known again by it."""

    params_type = Free
    sends = True
    sent = 0

    def repetition(self, call: Call) -> Repetition | None:
        return Repetition(str(call.args["id"]), 10.0) if "id" in call.args else None

    async def handle(self, call: Call, params: Free) -> Any:
        if call.args.get("fails"):
            raise ZeroDivisionError
        call.record.sent = not call.options.dry_run
        type(self).sent += 1
        return {"number": type(self).sent}


@pytest.fixture
async def gateway(open_gateway: OpenGateway, clock: Clock) -> Gateway:
    Counting.sent = 0
    return await open_gateway(f'  - {{path: /count/one/, use: "{__name__}:Counting"}}\n', clock=clock)


async def number(gateway: Gateway, **params: Any) -> Any:
    return ((await gateway.call("count/one", **params))["data"] or {}).get("number")


async def test_what_it_knows_again_is_answered_as_the_first_whatever_else_differs(gateway: Gateway) -> None:
    assert [await number(gateway, id=1, other=n) for n in range(3)] == [1, 1, 1]
    assert await number(gateway, id=2) == 2


async def test_it_is_known_for_its_seconds(gateway: Gateway, clock: Clock) -> None:
    assert await number(gateway, id=1) == 1
    clock.advance(9)
    assert await number(gateway, id=1) == 1
    clock.advance(2)
    assert await number(gateway, id=1) == 2


async def test_without_a_key_of_its_own_each_call_is_one(gateway: Gateway) -> None:
    assert [await number(gateway) for _ in range(2)] == [1, 2]


async def test_a_callers_key_counts_alone(gateway: Gateway) -> None:
    assert await number(gateway, id=1, idempotency_key="1") == 1
    assert await number(gateway, id=1, idempotency_key="2") == 2
    assert await number(gateway, id=1) == 3


async def test_another_user_does_not_get_the_answer(gateway: Gateway) -> None:
    await number(gateway, id=1)
    answer = await gateway.call("count/one", {**DEMO, "bk_username": "lisi"}, id=1)
    assert answer["code"] == 1306406


async def test_what_sent_nothing_is_no_first(gateway: Gateway) -> None:
    assert await number(gateway, id=1, fails=True) is None
    assert await number(gateway, id=1, dry_run=True) == 1
    assert await number(gateway, id=1) == 2


async def test_a_dry_run_is_no_repetition(gateway: Gateway) -> None:
    assert [await number(gateway, id=1), await number(gateway, id=1, dry_run=True)] == [1, 2]

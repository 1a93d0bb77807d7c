"""What components may answer beyond JSON's own types, and the place of what JSON cannot hold."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum, IntEnum
from pathlib import PurePosixPath
from types import MappingProxyType
from typing import Any
from uuid import UUID

import pytest
from pydantic import BaseModel, Field, SecretStr

from esb.core import json_codec, json_values
from esb.core.errors import Message
from tests.support.calls import make_call


class Colour(Enum):
    RED = "red"


class Level(IntEnum):
    HIGH = 3


@dataclass(frozen=True, slots=True)
class Point:
    x: int
    when: date | None = None


class Order(BaseModel):
    number: Decimal
    lines: list[Point] = []
    kind: str = Field("plain", serialization_alias="type")


class Login(BaseModel):
    name: str
    password: SecretStr


class Hiding(BaseModel):
    name: str = Field(repr=False)


@dataclass
class Card:
    holder: str
    number: str = field(repr=False)


class Anything(BaseModel):
    it: Any = None


MOMENT = datetime(2026, 11, 30, 8, 30, tzinfo=UTC)


def written(value: Any) -> Any:
    return json_codec.decode(json_codec.encode({"data": value}, json_values.plain))["data"]


@pytest.mark.parametrize(
    ("value", "told"),
    [
        (Order(number=Decimal("1.10"), lines=[Point(1)]), {"number": "1.10", "lines": [{"x": 1, "when": None}]}),
        (Point(1, date(2026, 11, 30)), {"x": 1, "when": "2026-11-30"}),
        ([{"at": MOMENT}], [{"at": "2026-11-30T08:30:00Z"}]),
        (time(8, 30), "08:30:00"),
        (timedelta(hours=1), "PT1H"),
        (UUID(int=7), "00000000-0000-0000-0000-000000000007"),
        (Decimal("0.10000000000000000001"), "0.10000000000000000001"),
        (Colour.RED, "red"),
        (Level.HIGH, 3),
        (PurePosixPath("/a/b"), "/a/b"),
        (MappingProxyType({"a": (1, 2)}), {"a": [1, 2]}),
        (Message("{n} left", {"n": 2}), "2 left"),
        (Login(name="Ann", password=SecretStr("hunter2")), {"name": "Ann", "password": "**********"}),
        ({1: "a", None: "b"}, {"1": "a", "null": "b"}),
    ],
)
def test_what_people_answer_with_is_written(value: Any, told: Any) -> None:
    found = written(value)
    if isinstance(value, Order):
        assert found.pop("type") == "plain"
    assert found == told


class Odd:
    pass


async def work() -> None:
    """A coroutine that somebody forgot to await."""


HOLDING: dict[str, Any] = {}
HOLDING["again"] = HOLDING


@pytest.mark.parametrize(
    ("data", "told"),
    [
        ({"x": {1, 2}}, "data.x is a set"),
        ({"items": [{"ok": 1}, {"x": Odd()}]}, "data.items[1].x is an Odd"),
        ({"13800000000": {1}}, "data[…] is a set"),
        ({"n" * 65: {1}}, "data[…] is a set"),
        ({UUID(int=1): 1}, "data has a key that is a UUID"),
        ({"x": [{(1, 2): 1}]}, "data.x[0] has a key that is a tuple"),
        (b"raw", "data is a bytes"),
        ({"token": SecretStr("hunter2")}, "data.token is a SecretStr"),
        (Point(1, {1}), "data.when is a set"),  # type: ignore[arg-type]  # as authors do
        (Anything(it=Odd()), "data.it is an Odd"),
        ({"x": "\ud800"}, "data.x is a text with half of a surrogate pair"),
        (HOLDING, "data.again holds itself"),
        ({"card": Card("Ann", "4111")}, "data.card is a Card that hides fields from its repr"),
        ({"card": Hiding(name="Ann")}, "data.card is a Hiding that hides fields from its repr"),
        (Order, "data is a ModelMetaclass"),
    ],
)
def test_what_json_cannot_hold_is_named_by_its_place(data: Any, told: str) -> None:
    envelope = {"result": True, "data": data}
    with pytest.raises(TypeError):
        json_codec.encode(envelope, json_values.plain)
    found = json_values.misfit(envelope)
    assert found.startswith(told)
    assert "hunter2" not in found
    assert "4111" not in found


def test_a_coroutine_is_told_as_one_that_nobody_awaited() -> None:
    coroutine = work()
    assert json_values.misfit({"data": {"x": coroutine}}) == "data.x is a coroutine: an await is missing"
    coroutine.close()


async def test_a_call_is_never_written_its_credentials_with_it() -> None:
    with pytest.raises(TypeError):
        written({"call": make_call()})


def test_the_same_value_may_stand_in_several_places() -> None:
    shared: Mapping[str, Any] = {"a": [1]}
    assert json_values.misfit({"data": [shared, shared, {1}]}) == "data[2] is a set"


def test_a_large_answer_is_looked_at_for_a_bounded_time() -> None:
    assert json_values.misfit({"data": [*range(200_000), {1}]}) == "the answer holds something"

"""The middleware rate_limit: the calls that it lets through, those that it refuses, and the headers of both."""

import re
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from esb.config import load
from esb.core.errors import ConfigError
from esb.gateway.app import create_app
from esb.middlewares.rate_limit import Limit
from esb.store.protocol import Rule
from tests.support.clock import Clock
from tests.support.gateway import Gateway, OpenGateway
from tests.support.identity import APPS

OTHER = {"bk_app_code": "other", "bk_app_secret": "demo-secret", "bk_username": "admin"}
NOBODY = {"bk_app_code": "no_rights", "bk_app_secret": "no-rights-secret", "bk_username": "admin"}
CHAIN = """\
middlewares:
  - use: app_auth
  - use: user_auth
  - use: permission
  - use: rate_limit
    config: {CONFIG}
components:
  - {path: /who/is/, aliases: [/v2/who/is/], use: "tests.support.identity:Who"}
  - {path: /who/else/, use: "tests.support.identity:Who"}
"""
WHO = "who/is"


def configuration(config: str) -> str:
    return f"version: 1\nservices:\n{APPS}{CHAIN.replace('{CONFIG}', config)}"


async def opened(open_gateway: OpenGateway, clock: Clock, config: str) -> Gateway:
    return await open_gateway(config=configuration(config), clock=clock)


async def codes(gateway: Gateway, times: int, component: str = WHO, **options: Any) -> list[int]:
    answers = [await gateway.call(component, **options) for _ in range(times)]
    assert all(answer["data"]["app"] for answer in answers if answer["code"] == 0)
    return [answer["code"] for answer in answers]


async def test_so_many_calls_pass_in_any_minute(open_gateway: OpenGateway, clock: Clock) -> None:
    gateway = await opened(open_gateway, clock, "{default: [{tokens: 3, minutes: 1}]}")
    assert await codes(gateway, 2) == [0, 0]
    clock.advance(40)
    assert await codes(gateway, 2) == [0, 1306429]
    clock.advance(19)
    assert await codes(gateway, 1) == [1306429]
    clock.advance(1)  # the first two leave the window, the third does not
    assert await codes(gateway, 3) == [0, 0, 1306429]


async def test_all_rules_must_allow(open_gateway: OpenGateway, clock: Clock) -> None:
    gateway = await opened(open_gateway, clock, "{default: [{tokens: 2, minutes: 1}, {tokens: 3, minutes: 60}]}")
    assert await codes(gateway, 3) == [0, 0, 1306429]
    clock.advance(60)
    assert await codes(gateway, 2) == [0, 1306429]
    clock.advance(60)
    assert await codes(gateway, 1) == [1306429]
    clock.advance(3480)
    assert await codes(gateway, 3) == [0, 0, 1306429]


async def test_apps_and_components_are_counted_each_for_itself(open_gateway: OpenGateway, clock: Clock) -> None:
    gateway = await opened(open_gateway, clock, "{default: [{tokens: 1}], apps: {other: [{tokens: 2}]}}")
    assert await codes(gateway, 2) == [0, 1306429]
    assert await codes(gateway, 2, "who/else") == [0, 1306429]
    assert await codes(gateway, 3, auth=OTHER) == [0, 0, 1306429]


async def test_an_alias_counts_as_its_main_path(open_gateway: OpenGateway, clock: Clock) -> None:
    gateway = await opened(open_gateway, clock, "{default: [{tokens: 1}]}")
    assert await codes(gateway, 1) + await codes(gateway, 1, "v2/who/is") == [0, 1306429]


async def test_without_rules_there_is_no_limit(open_gateway: OpenGateway, clock: Clock) -> None:
    gateway = await opened(open_gateway, clock, "{default: [{tokens: 1}], apps: {other: []}}")
    assert await codes(gateway, 5, auth=OTHER) == [0] * 5


async def test_a_call_that_is_refused_before_counts_for_nobody(open_gateway: OpenGateway, clock: Clock) -> None:
    gateway = await opened(open_gateway, clock, "{default: [{tokens: 1}]}")
    assert await codes(gateway, 2, auth=NOBODY) == [1306403, 1306403]


async def test_a_refusal_has_the_old_words_and_says_when_to_come_again(open_gateway: OpenGateway, clock: Clock) -> None:
    gateway = await opened(open_gateway, clock, "{default: [{tokens: 2, minutes: 1}, {tokens: 2, minutes: 5}]}")
    await codes(gateway, 2)
    clock.advance(10)
    answer = await gateway.call(WHO)
    assert answer["message"] == (
        "Access frequency limit, Access frequency of APP [esb_demo] to component [/who/is/] exceeds the limit;"
        " the frequency limit is [2/5minute], please try again later"
    )
    assert (answer["result"], answer["code"], answer["data"]) == (False, 1306429, {"retry_after": 290})


async def test_every_answer_tells_what_is_left(open_gateway: OpenGateway, clock: Clock) -> None:
    gateway = await opened(open_gateway, clock, "{default: [{tokens: 2, minutes: 1}, {tokens: 100, minutes: 60}]}")
    told = []
    for _ in range(3):
        response = await gateway.post({**OTHER}, WHO)
        assert response.headers["RateLimit-Policy"] == '"2/1minute";q=2;w=60, "100/60minute";q=100;w=3600'
        told.append(response.headers["RateLimit"])
        clock.advance(10)
    assert told == [
        '"2/1minute";r=1;t=60, "100/60minute";r=99;t=3600',
        '"2/1minute";r=0;t=50, "100/60minute";r=98;t=3590',
        '"2/1minute";r=0;t=40, "100/60minute";r=98;t=3580',
    ]


async def test_who_is_not_limited_is_told_nothing(open_gateway: OpenGateway, clock: Clock) -> None:
    gateway = await opened(open_gateway, clock, "{apps: {other: [{tokens: 1}]}}")
    response = await gateway.post(
        {"bk_app_code": "esb_demo", "bk_app_secret": "demo-secret", "bk_username": "admin"}, WHO
    )
    assert not [name for name in response.headers if re.match("ratelimit", name, re.IGNORECASE)]


@pytest.mark.parametrize(
    ("config", "key"),
    [
        ("{default: [{tokens: 0}]}", "default[0].tokens"),
        ("{default: [{minutes: 1}]}", "default[0].tokens"),
        ("{default: [{tokens: 1, minutes: 0}]}", "default[0].minutes"),
        ("{default: [{tokens: 1, minute: 1}]}", "default[0].minute"),
        ("{apps: {other: {tokens: 1}}}", "apps.other"),
        ("{app: {}}", "app"),
    ],
)
def test_a_mistake_in_the_rules_is_told_with_its_place(tmp_path: Path, config: str, key: str) -> None:
    path = tmp_path / "esb.yaml"
    path.write_text(configuration(config))
    with pytest.raises(ConfigError) as error:
        create_app(load(path, {}))
    assert [mistake.key for mistake in error.value.mistakes] == [f"middlewares[3].config.{key}"]


@pytest.mark.parametrize(
    ("tokens", "minutes", "is_limit"),
    [
        (1, 1, True),
        (100_000, 1440, True),
        (0, 1, False),
        (100_001, 1, False),
        (1, 0, False),
        (1, 1441, False),
    ],
)
def test_a_limit_is_of_a_day_at_most(tokens: int, minutes: int, is_limit: bool) -> None:
    with nullcontext() if is_limit else pytest.raises(ValidationError):
        assert Limit(tokens=tokens, minutes=minutes).rule == Rule(tokens, minutes * 60)


def test_a_limit_is_of_a_minute_unless_it_says_otherwise() -> None:
    assert Limit(tokens=5).rule == Rule(5, 60)

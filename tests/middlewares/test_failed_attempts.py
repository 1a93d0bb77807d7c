"""Failed authentications: counted by address and claimed app, answered 1306429 beyond the limit, right ones never."""

import json
from typing import Any

import pytest
from pydantic import ValidationError

from esb.core.events import AuthenticationLimited
from esb.middlewares._failed_attempts import FailedAttempts
from esb.middlewares.app_auth import AppAuthConfig
from tests.support.clock import Clock
from tests.support.gateway import Gateway, OpenGateway
from tests.support.identity import APPS, WHO, claims, configuration, fetch, with_signature

CHAIN = """\
middlewares:
  - use: app_auth
    config: {failures_per_minute: 3}
  - use: user_auth
  - use: permission
"""
RIGHT = {"bk_app_code": "esb_demo", "bk_app_secret": "demo-secret", "bk_username": "admin"}
WRONG = {**RIGHT, "bk_app_secret": "wrong"}


@pytest.fixture
async def gateway(open_gateway: OpenGateway, clock: Clock) -> Gateway:
    trusting = f"server: {{trusted_proxies: [127.0.0.1]}}\n{CHAIN}"
    return await open_gateway(config=configuration(apps=APPS, more=trusting), clock=clock)


async def ask(gateway: Gateway, who: dict[str, str], address: str = "198.51.100.1", **headers: str) -> dict[str, Any]:
    headers = {"X-Bkapi-Authorization": json.dumps(who), "X-Forwarded-For": address, **headers}
    return await fetch(gateway, "GET", WHO, {}, headers=headers)


async def test_who_fails_too_often_is_told_so_and_who_is_right_is_let_in(gateway: Gateway, clock: Clock) -> None:
    assert [(await ask(gateway, WRONG))["code"] for _ in range(3)] == [1306000] * 3
    clock.advance(15)
    refused = await ask(gateway, WRONG)
    assert (refused["code"], refused["data"]) == (1306429, {"retry_after": 45})
    assert "failed authentications of APP [esb_demo]" in refused["message"]
    assert (await ask(gateway, RIGHT))["result"]
    assert (await ask(gateway, WRONG))["code"] == 1306429
    clock.advance(45)
    assert (await ask(gateway, WRONG))["code"] == 1306000


async def test_another_address_and_another_app_are_counted_apart(gateway: Gateway) -> None:
    for _ in range(4):
        await ask(gateway, WRONG)
    assert (await ask(gateway, WRONG, "198.51.100.2"))["code"] == 1306000
    assert (await ask(gateway, {**WRONG, "bk_app_code": "other"}))["code"] == 1306000
    assert (await ask(gateway, WRONG))["code"] == 1306429


async def test_it_is_told_once_a_minute(gateway: Gateway, clock: Clock) -> None:
    for _ in range(2):
        for _ in range(10):
            await ask(gateway, WRONG)
        clock.advance(60)
    told = [event for event in gateway.events if isinstance(event, AuthenticationLimited)]
    assert told == [AuthenticationLimited("198.51.100.1", "esb_demo", 60.0)] * 2


@pytest.mark.parametrize("kind", ["signature", "access token", "gateway JWT", "unknown app"])
async def test_every_proof_of_an_app_counts(gateway: Gateway, clock: Clock, kind: str) -> None:
    async def fail() -> int:
        if kind == "signature":
            query = {**with_signature(claims(clock)), "bk_signature": "AAAA"}
            return int((await fetch(gateway, "GET", WHO, query))["code"])
        if kind == "access token":
            return int((await ask(gateway, {"bk_app_code": "esb_demo", "access_token": "wrong"}))["code"])
        if kind == "gateway JWT":
            return int((await ask(gateway, RIGHT, **{"X-Bkapi-JWT": "wrong"}))["code"])
        return int((await ask(gateway, {**WRONG, "bk_app_code": "nobody"}))["code"])

    codes = [await fail() for _ in range(5)]
    assert 1306429 not in codes[:3]
    assert codes[3:] == [1306429] * 2


async def test_who_claims_to_be_no_app_is_not_counted(gateway: Gateway) -> None:
    for _ in range(10):
        assert (await ask(gateway, {}))["code"] == 1306000
    assert (await ask(gateway, {"access_token": "wrong"}))["code"] == 1306000


def test_made_up_names_fill_no_memory_and_hide_no_guesses(clock: Clock) -> None:
    failed = FailedAttempts(clock, 3)
    for number in range(100):
        failed.count("198.51.100.1", f"{number}{'x' * 10_000}")
    failures = failed._minutes["198.51.100.1"].failures
    assert len(failures) == 16 + 1
    assert max(map(len, failures)) == 64
    assert failed.count("198.51.100.1", "another")[0] > 0


def test_addresses_are_bounded_and_those_that_fail_now_stay(clock: Clock) -> None:
    failed = FailedAttempts(clock, 3)
    for number in range(10_000):
        failed.count("198.51.100.1", "app")
        failed.count(f"2001:db8:0:{number % 65536:x}::1", "app")
    assert len(failed._minutes) == 5000
    assert failed.count("198.51.100.1", "app")[0] == 10_000 - 2


def test_at_least_one_attempt_is_answered() -> None:
    assert AppAuthConfig(failures_per_minute=1).failures_per_minute == 1
    with pytest.raises(ValidationError):
        AppAuthConfig(failures_per_minute=0)

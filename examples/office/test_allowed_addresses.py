"""The networks from which an app may call, in the chain of a real gateway."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from allowed_addresses import within

from esb.testing import CallComponent, OpenMiddleware

pytestmark = pytest.mark.asyncio
USE, SECRET = "allowed_addresses:AllowedAddresses", "the-secret-of-orders"
ORDERS = {"code": "orders", "secrets": [SECRET], "impersonate": ["*"], "settings": {"networks": ["10.0.0.0/8"]}}
APPS = {"apps": {"use": "static", "config": {"apps": [ORDERS]}}}


@pytest.mark.parametrize(("address", "let_in"), [("10.1.2.3", True), ("192.0.2.1", False)])
async def test_an_app_calls_from_its_networks_only(middleware: OpenMiddleware, address: str, let_in: bool) -> None:
    gateway = await middleware(USE, {}, services=APPS, caller=("orders", SECRET))

    response = await gateway.request(json={}, headers={"X-Forwarded-For": address})

    answer = await response.json()
    assert (answer["result"], answer["code"]) == ((True, 0) if let_in else (False, 1306403)), answer


async def test_who_calls_from_elsewhere_is_refused_before_the_body_has_come(middleware: OpenMiddleware) -> None:
    gateway = await middleware(USE, {}, services=APPS, caller=("orders", SECRET))
    headers = {"X-Forwarded-For": "192.0.2.1", "Content-Type": "application/json"}

    async with asyncio.timeout(10):
        response = await gateway.request(data=body_that_never_ends(), headers=headers)

    assert (await response.json())["code"] == 1306403


async def body_that_never_ends() -> AsyncIterator[bytes]:
    yield b"{"
    await asyncio.Event().wait()


async def test_an_address_that_nobody_knows_is_in_no_network() -> None:
    assert not within("", ["0.0.0.0/0", "::/0"])


async def test_an_app_without_networks_calls_from_anywhere(middleware: OpenMiddleware, call: CallComponent) -> None:
    await middleware(USE, {})

    assert (await call())["data"]["app"] == "test_app"

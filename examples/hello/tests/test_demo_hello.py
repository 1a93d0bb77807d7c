"""demo/hello, from HTTP to the third-party system and back."""

import pytest

from esb.testing import AssertNoSecrets, CallComponent, OpenGateway, Upstream

pytestmark = pytest.mark.asyncio
USE = "plugins.demo_hello:Hello"
TOKEN = "a-token-of-the-upstream"


async def test_the_greeting_comes_from_the_upstream(
    gateway: OpenGateway, upstream: Upstream, call: CallComponent, assert_no_secrets: AssertNoSecrets
) -> None:
    upstream.answers({"text": "Good morning, Ann"})
    await gateway(USE, {"url": upstream.url, "token": TOKEN})

    answer = await call(name="Ann")

    assert (answer["result"], answer["data"]) == (True, {"greeting": "Good morning, Ann"})
    (asked,) = upstream.requests
    assert (asked.method, asked.path, asked.json) == ("POST", "/greeting", {"name": "Ann"})
    assert asked.headers["Authorization"] == f"Bearer {TOKEN}"
    assert_no_secrets(TOKEN)


async def test_without_a_name_nobody_is_asked(gateway: OpenGateway, upstream: Upstream, call: CallComponent) -> None:
    await gateway(USE, {"url": upstream.url, "token": TOKEN})

    answer = await call()

    assert answer["message"] == "whom to greet [name] This field is required."
    assert upstream.requests == []


async def test_an_upstream_that_is_down_is_told_and_no_secret_with_it(
    gateway: OpenGateway, upstream: Upstream, call: CallComponent, assert_no_secrets: AssertNoSecrets
) -> None:
    upstream.answers(f"out of order, {TOKEN}", status=500)
    await gateway(USE, {"url": upstream.url, "token": TOKEN})

    answer = await call(name="Ann")

    assert (answer["result"], answer["code"]) == (False, 1306201)
    assert_no_secrets(TOKEN)

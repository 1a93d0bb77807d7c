"""Use of secrets of the database: each call tells by its number there which one it was proven by."""

from typing import Any

from esb.core.events import CallFinished
from tests.support.clock import Clock
from tests.support.gateway import Gateway
from tests.support.identity import claims, fetch, with_signature
from tests.support.registry import Registered
from tests.support.sql_apps import OpenSqlGateway, add_shop, code, sql_apps

STATIC = """\
  apps:
    use: static
    config: {apps: [{code: shop, secrets: [first-secret, second-secret], impersonate: ["*"]}]}
"""


async def two_secrets(records: Registered) -> tuple[int, int]:
    """The numbers of the app's two secrets, behind those of another app."""
    async with records.writing() as write:
        await write.apps.create("billing", secrets=["billing-secret"])
    await add_shop(records, "*")
    async with records.writing() as write:
        await write.secrets.add("shop", "second-secret")
    first, second = (await records.app("shop"))["secrets"]
    return first["id"], second["id"]


def used(gateway: Gateway) -> list[int]:
    return [event.secret_id for event in gateway.events if isinstance(event, CallFinished)]


async def test_a_call_tells_the_number_of_its_secret(records: Registered, open_sql_gateway: OpenSqlGateway) -> None:
    first, second = await two_secrets(records)
    gateway = await open_sql_gateway()
    assert await code(gateway) == 0
    assert await code(gateway, bk_app_secret="second-secret") == 0
    assert await code(gateway) == 0
    assert used(gateway) == [first, second, first]


async def test_a_signed_call_tells_it_even_after_an_older_secret_has_ended(
    records: Registered, open_sql_gateway: OpenSqlGateway, clock: Clock
) -> None:
    first, second = await two_secrets(records)
    gateway = await open_sql_gateway()

    async def signed(secret: str, nonce: int) -> Any:
        path = "/api/c/compapi/cc/search_host/"
        query = claims(clock, bk_app_code="shop", bk_username="anna", bk_nonce=str(nonce))
        return (await fetch(gateway, "GET", path, with_signature(query, path=path, secret=secret)))["code"]

    assert await signed("first-secret", 1) == 0
    assert await signed("second-secret", 2) == 0
    async with records.writing() as write:
        await write.secrets.retire("shop", first)
    await sql_apps(gateway)._feed.refresh()
    assert await signed("second-secret", 3) == 0
    assert used(gateway) == [first, second, second]


async def test_a_secret_of_the_configuration_has_no_number_in_the_database(
    records: Registered, open_sql_gateway: OpenSqlGateway
) -> None:
    await two_secrets(records)
    gateway = await open_sql_gateway(STATIC)
    assert await code(gateway, bk_app_secret="second-secret") == 0
    assert used(gateway) == [0]

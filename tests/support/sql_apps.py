"""Gateways whose apps are in a database, and an app to call them by."""

from collections.abc import Callable, Coroutine
from typing import Any

from esb.gateway.app import GATEWAY
from esb.services.apps.sql import SqlApps
from tests.support.gateway import Gateway
from tests.support.registry import Registered

OpenSqlGateway = Callable[..., Coroutine[Any, Any, Gateway]]
AUTH = {"bk_app_code": "shop", "bk_app_secret": "first-secret", "bk_username": "anna"}


def sql_apps(gateway: Gateway) -> SqlApps:
    """The back end of a gateway's apps."""
    found = gateway.app[GATEWAY].generation.services["apps"].instance
    assert isinstance(found, SqlApps)
    return found


async def code(gateway: Gateway, component: str = "cc/search_host", **changes: str) -> Any:
    """The code of the answer to a call of the app."""
    return (await gateway.call(component, {**AUTH, **changes}))["code"]


async def add_shop(records: Registered, *patterns: str, **app: Any) -> None:
    """Write an app with one secret, these grants, and the right to name anna."""
    async with records.writing() as write:
        await write.apps.create("shop", **{"secrets": ["first-secret"], **app})
        for pattern in patterns:
            await write.grants.add("shop", pattern)
        await write.impersonations.add("shop", "anna")

"""Both clients before a real gateway, and a world behind it."""

from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from typing import Any

import pytest

from tests.support.called import KINDS, AnyClient, OpenClient
from tests.support.gateway import OpenGateway, Sandbox
from tests.support.world import World, make_world


@pytest.fixture
async def world(open_gateway: OpenGateway, sandbox: Sandbox) -> World:
    more = "  - {path: /cmsi/get_msg_type/, use: cmsi_get_msg_type}\n"
    return await make_world(open_gateway, sandbox, components=more)


@pytest.fixture(params=KINDS)
def open_client(request: pytest.FixtureRequest, opened: AsyncExitStack) -> OpenClient:
    """Make a client of either kind, which is closed at the end."""

    def open_one(url: str, passing: Callable[[float], Awaitable[None]] | None = None, **options: Any) -> AnyClient:
        client = AnyClient(request.param, url, passing, **options)
        opened.push_async_callback(client.close)
        return client

    return open_one

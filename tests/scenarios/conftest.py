"""A world for each situation; and whatever the situation, no secret gets out of it."""

from collections.abc import AsyncIterator

import pytest

from tests.support.gateway import OpenGateway, Sandbox
from tests.support.world import PLATFORMS, SECRETS, OpenWorld, World, make_world


@pytest.fixture
async def open_world(open_gateway: OpenGateway, sandbox: Sandbox) -> AsyncIterator[OpenWorld]:
    """Open a world; at the end search its answers, events and log for secrets, as situation 56 asks."""
    opened: list[World] = []

    async def open_one(**options: object) -> World:
        world = await make_world(open_gateway, sandbox, **options)  # type: ignore[arg-type]  # as make_world takes them
        opened.append(world)
        return world

    yield open_one
    for world in opened:
        output = world.output()
        assert [secret for secret in (*SECRETS, "access_token=", sandbox.url) if secret in output] == []


@pytest.fixture
async def world(open_world: OpenWorld) -> World:
    return await open_world()


@pytest.fixture(params=PLATFORMS)
def platform(request: pytest.FixtureRequest) -> str:
    return str(request.param)

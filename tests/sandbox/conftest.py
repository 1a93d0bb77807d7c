"""A sandbox on a real socket, with a clock that stands still."""

import pytest
from pytest_aiohttp import AiohttpClient

from esb.sandbox import create_sandbox
from tests.support.clock import Clock
from tests.support.wechat_client import WeChat


@pytest.fixture
async def wechat(aiohttp_client: AiohttpClient) -> WeChat:
    clock = Clock()
    return WeChat(await aiohttp_client(create_sandbox(clock=clock.since_1970)), clock)

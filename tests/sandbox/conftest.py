"""A sandbox on a real socket, with a clock that stands still."""

import pytest
from pytest_aiohttp import AiohttpClient

from esb.sandbox import create_sandbox
from tests.support.wechat_client import Clock, WeChat


@pytest.fixture
async def wechat(aiohttp_client: AiohttpClient) -> WeChat:
    clock = Clock()
    return WeChat(await aiohttp_client(create_sandbox(clock=clock)), clock)

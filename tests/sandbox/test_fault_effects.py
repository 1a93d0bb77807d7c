"""Faults on uvloop's transports, which the gateway runs on: they must break as asyncio's do."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from aiohttp import (
    ClientOSError,
    ClientPayloadError,
    ClientSession,
    ClientTimeout,
    ServerDisconnectedError,
    web,
)

from esb.sandbox import create_sandbox
from tests.support.wechat_client import ROBOT, WEBHOOK_SEND

uvloop = pytest.importorskip("uvloop")

TEXT = {"msgtype": "text", "text": {"content": "x"}}
Scenario = Callable[[ClientSession], Awaitable[None]]


async def on_uvloop(scenario: Scenario) -> None:
    """Run a sandbox and a client of it on a loop of their own, in a thread."""

    async def run() -> None:
        assert type(asyncio.get_running_loop()).__module__.startswith("uvloop")
        runner = web.AppRunner(create_sandbox(), access_log=None)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        try:
            async with ClientSession(f"http://127.0.0.1:{runner.addresses[0][1]}") as http:
                await scenario(http)
        finally:
            await runner.cleanup()

    await asyncio.to_thread(uvloop.run, run())


async def fault(http: ClientSession, **action: Any) -> None:
    rule = {"match": {"path": WEBHOOK_SEND}, "action": action, "when": "after"}
    async with http.post("/_sandbox/faults", json=rule) as response:
        assert response.status == 200


async def send(http: ClientSession, **arguments: Any) -> bytes:
    async with http.post(WEBHOOK_SEND, params={"key": ROBOT}, json=TEXT, **arguments) as response:
        return await response.read()


@pytest.mark.parametrize(
    ("action", "error"),
    [
        ({"reset": "head"}, ClientOSError),
        ({"reset": "body"}, ClientPayloadError),
        ({"close": True}, ServerDisconnectedError),
    ],
)
async def test_a_connection_breaks_and_the_next_one_works(action: dict[str, Any], error: type[Exception]) -> None:
    async def scenario(http: ClientSession) -> None:
        await fault(http, **action)
        with pytest.raises(error):
            await send(http)
        assert await send(http) == b'{"errcode":0,"errmsg":"ok"}'

    await on_uvloop(scenario)


async def test_a_hanging_call_ends_with_its_client() -> None:
    async def scenario(http: ClientSession) -> None:
        await fault(http, hang=True)
        with pytest.raises(TimeoutError):
            await send(http, timeout=ClientTimeout(total=0.05))
        assert await send(http) == b'{"errcode":0,"errmsg":"ok"}'

    await on_uvloop(scenario)


async def test_a_huge_answer_is_dropped_with_its_client() -> None:
    async def scenario(http: ClientSession) -> None:
        await fault(http, huge=200_000_000)
        response = await http.post(WEBHOOK_SEND, params={"key": ROBOT}, json=TEXT)
        await response.content.read(1000)
        response.close()
        assert await send(http) == b'{"errcode":0,"errmsg":"ok"}'

    await on_uvloop(scenario)


async def test_a_slow_answer_arrives_whole() -> None:
    async def scenario(http: ClientSession) -> None:
        await fault(http, slow=1000)
        assert await send(http) == b'{"errcode":0,"errmsg":"ok"}'

    await on_uvloop(scenario)

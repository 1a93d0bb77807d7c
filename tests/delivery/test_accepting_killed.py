"""A gateway that is killed: what it has answered as accepted is in the database, all of it.

`ESB_KILLS=40` kills it so often, each time in the midst of calls.
"""

import asyncio
import os
import signal
from pathlib import Path
from typing import Any

import aiohttp
from aiohttp import ClientSession

from tests.support.configuration import DEMO, MESSAGE, SEND_WEIXIN, WECOM
from tests.support.deliveries import Held, accepting_config
from tests.support.processes.command_line import Running, running

KILLS = int(os.environ.get("ESB_KILLS", "1"))
CALLERS = 8
ANSWERS = 25
"""Answers after which it is killed, at once."""


async def accepted_before_the_kill(gateway: Running, http: ClientSession) -> list[str]:
    """Call until so many calls are answered, kill the gateway, and return the deliveries that were told of."""
    told: list[str] = []

    async def call(number: int) -> None:
        body: dict[str, Any] = {**DEMO, "receiver": f"user{number}", "data": MESSAGE, "async": True}
        try:
            while True:
                async with http.post(f"{gateway.url}/api/c/compapi/{SEND_WEIXIN}/", json=body) as response:
                    told.append((await response.json())["data"]["delivery"]["id"])
                if len(told) == ANSWERS:
                    gateway.stop(signal.SIGKILL)
        except (aiohttp.ClientError, ConnectionError):
            return

    await asyncio.gather(*map(call, range(CALLERS)))
    return told


async def test_what_was_answered_as_accepted_is_found_after_a_kill(
    held: Held, database_url: str, http: ClientSession, tmp_path: Path
) -> None:
    file = tmp_path / "esb.yaml"
    wecom = WECOM.replace("${sandbox}", "http://127.0.0.1:9")
    file.write_text("server: {port: 0}\n" + accepting_config(database_url, wecom))
    told: list[str] = []
    for _ in range(KILLS):
        with running("serve", "-c", file, log=tmp_path / "log") as gateway:
            told += await accepted_before_the_kill(gateway, http)
            assert await asyncio.to_thread(gateway.wait) == -signal.SIGKILL
    rows = {row.id for row in await held.rows()}
    assert len(told) == len(set(told)) >= KILLS * ANSWERS
    assert set(told) <= rows
    for identity in told:
        assert (await held.content(identity)).args["data"] == MESSAGE
        assert len(await held.receivers(identity)) == len(await held.recipients(identity)) == 1

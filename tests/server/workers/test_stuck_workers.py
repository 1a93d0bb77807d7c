"""A worker that does not answer any more."""

import asyncio
import signal
from pathlib import Path

import pytest

from esb.config import load
from esb.core.events import Event, Observer, WorkerEnded
from esb.server.process_status import OK
from esb.server.workers import slot, supervisor
from esb.server.workers.shared_address import shared_address
from esb.server.workers.supervisor import Supervisor
from tests.support.wire import connection, exchange, request

CONFIG = """\
version: 1
server: {workers: 2}
services: {store: {use: memory, config: {per_process: accept}}}
middlewares: []
components: [{path: /test/stuck/, use: "stuck:Stuck"}]
"""
PLUGIN = """\
import time
from esb import Component

class Stuck(Component):
    async def handle(self, call, params):
        time.sleep(3600)
"""


async def test_a_worker_whose_event_loop_stands_still_is_killed_and_another_takes_its_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(supervisor, "LOOK_SECONDS", 0.05)
    monkeypatch.setattr(slot, "ANSWER_SECONDS", 0.2)
    monkeypatch.setattr(slot, "STUCK_SECONDS", 3.0)
    (tmp_path / "esb.yaml").write_text(CONFIG)
    (tmp_path / "stuck.py").write_text(PLUGIN)
    config = load(tmp_path / "esb.yaml", {})
    ended: asyncio.Queue[WorkerEnded] = asyncio.Queue()

    def listener(event: Event) -> None:
        assert isinstance(event, WorkerEnded)
        ended.put_nowait(event)

    held, port = shared_address("127.0.0.1", 0)
    with held:
        workers = Supervisor(config, "127.0.0.1", port, Observer([listener]))
        await workers.start()
        try:
            async with connection(f"http://127.0.0.1:{port}") as (_, writer):
                writer.write(request(b"GET", b"/api/c/compapi/test/stuck/"))
                event = await ended.get()
            assert (event.stuck, event.status) == (True, -signal.SIGKILL)
            async with asyncio.timeout(30):
                while [process.health for process in await workers.statuses()] != [OK, OK]:  # noqa: ASYNC110 - no event tells
                    await asyncio.sleep(0)
            answer = await exchange(f"http://127.0.0.1:{port}", request(b"GET", b"/api/c/ping/"))
            assert answer.body == b"pong"
        finally:
            await workers.stop()
    assert ended.empty()

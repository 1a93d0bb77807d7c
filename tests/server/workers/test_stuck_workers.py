"""A worker that does not answer any more."""

import asyncio
import signal
from pathlib import Path

import pytest

from esb.config import load
from esb.core.events import Event, Observer, WorkerEnded
from esb.server.listening_sockets import bound
from esb.server.process_status import ANSWER_SECONDS, OK, SCRAPE_SECONDS
from esb.server.workers.slot import LONGEST_PAUSE, STUCK_SECONDS
from esb.server.workers.supervisor import Supervisor
from esb.server.workers.worker import ANOTHER_VERSION
from esb.telemetry.metrics import Tally
from tests.support.loop_time import movable_loop_time, turns
from tests.support.wire import connection, exchange, request, until

CONFIG = """\
version: 1
server: {workers: 2}
services: {store: {use: memory, config: {per_process: accept}}}
middlewares: []
components: [{path: /test/stuck/, use: "stuck:Stuck"}]
"""
PLUGIN = """\
import os, pathlib, time
from esb import Component

class Stuck(Component):
    async def handle(self, call, params):
        pathlib.Path(__file__).with_name("stuck").write_text(str(os.getpid()) + "\\n")
        time.sleep(3600)
"""


async def test_a_worker_whose_event_loop_stands_still_is_killed_and_another_takes_its_place(tmp_path: Path) -> None:
    (tmp_path / "esb.yaml").write_text(CONFIG)
    (tmp_path / "stuck.py").write_text(PLUGIN)
    config = load(tmp_path / "esb.yaml", {})
    ended: asyncio.Queue[WorkerEnded] = asyncio.Queue()

    tally = Tally()

    def listener(event: Event) -> None:
        assert isinstance(event, WorkerEnded)
        ended.put_nowait(event)

    [held] = bound("127.0.0.1", 0)
    port = held.getsockname()[1]
    with held, movable_loop_time() as advance:
        workers = Supervisor(config, "127.0.0.1", port, [held], Observer([listener, tally]), tally)
        await workers.start()
        try:
            assert [process.health for process in await workers.statuses()] == [OK, OK]
            async with connection(f"http://127.0.0.1:{port}") as (_, writer):
                writer.write(request(b"GET", b"/api/c/compapi/test/stuck/"))
                pid = await _written(tmp_path / "stuck")
                stuck, well = sorted(workers._slots, key=lambda slot: slot.process is None or slot.process.pid != pid)
                scraping = asyncio.ensure_future(workers.statuses(SCRAPE_SECONDS))
                await turns()
                advance(SCRAPE_SECONDS)
                assert [process.health for process in await scraping] == [OK, OK], "as it was just now"
                for _ in range(int(STUCK_SECONDS / ANSWER_SECONDS)):
                    assert (await well.status()).health == OK
                    assert ended.empty()
                    asking = asyncio.ensure_future(stuck.status())
                    await turns()
                    advance(ANSWER_SECONDS)
                    assert (await asking).health == "starting"
                event = await ended.get()
            assert (event.stuck, event.status) == (True, -signal.SIGKILL)
            await turns()
            advance(LONGEST_PAUSE)
            while [process.health for process in await workers.statuses()] != [OK, OK]:  # noqa: ASYNC110 - no event tells
                await asyncio.sleep(0)
            answer = await exchange(f"http://127.0.0.1:{port}", request(b"GET", b"/api/c/ping/"))
            assert answer.body == b"pong"
            assert workers.past()[-1].counts["esb_worker_restarts_total"] == {("ended",): 0, ("stuck",): 1}
        finally:
            await workers.stop()
    assert ended.empty()


async def test_a_worker_of_another_version_does_not_start_and_asks_for_a_successor(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "esb.yaml").write_text(CONFIG)
    (tmp_path / "stuck.py").write_text(PLUGIN)
    outdated, ended = asyncio.Event(), asyncio.Queue[Event]()
    [held] = bound("127.0.0.1", 0)
    with held:
        config, port = load(tmp_path / "esb.yaml", {}), held.getsockname()[1]
        workers = Supervisor(
            config, "127.0.0.1", port, [held], Observer([ended.put_nowait]), Tally(), outdated=outdated.set
        )
        await workers.start()
        try:
            assert not outdated.is_set()
            monkeypatch.setattr("esb.server.workers.slot.__version__", "0.0.1")
            process = workers._slots[0].process
            assert process is not None
            process.kill()
            await outdated.wait()
            found = [await ended.get(), await ended.get()]
            assert [getattr(event, "status", None) for event in found] == [-signal.SIGKILL, ANOTHER_VERSION]
        finally:
            await workers.stop()


async def _written(file: Path) -> int:
    """Return the number that a worker writes into this file, once its line is whole."""
    lines: list[str] = []

    def is_whole() -> bool:
        lines[:] = file.read_text().splitlines(keepends=True) if file.exists() else []
        return bool(lines) and lines[0].endswith("\n")

    await until(is_whole)
    return int(lines[0])

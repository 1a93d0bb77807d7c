"""The place of a worker: its counts go on when one ends and another follows."""

import asyncio
import socket
from collections.abc import Sequence
from pathlib import Path

import pytest

from esb.config import load
from esb.core.events import Crashed, Observer
from esb.server.process_status import OK, ProcessStatus
from esb.server.workers.ipc import ChannelClosed
from esb.server.workers.slot import NOT_STARTED
from esb.server.workers.supervisor import Supervisor
from esb.telemetry import metrics
from esb.telemetry.metrics import Snapshot, Tally
from tests.support.loop_time import turns

CONFIG = "version: 1\nserver: {workers: 2}\nservices: {store: {use: memory, config: {per_process: accept}}}\n"
CALLS = "esb_calls_total"


async def test_a_worker_that_ends_while_its_sibling_is_asked_is_counted_once(tmp_path: Path) -> None:
    (tmp_path / "esb.yaml").write_text(CONFIG)
    workers = Supervisor(load(tmp_path / "esb.yaml", {}), "127.0.0.1", 0, [], Observer([]), Tally())
    ending, busy = workers._slots
    answers = asyncio.Event()

    async def at_once(verb: str, argument: object, seconds: float) -> ProcessStatus:
        return ProcessStatus(OK, 0, 1, Snapshot({CALLS: {("a",): 7}}, away=1))

    async def later(verb: str, argument: object, seconds: float) -> ProcessStatus:
        await answers.wait()
        return ProcessStatus(OK, 0, 1, Snapshot())

    async def gone(verb: str, argument: object, seconds: float) -> ProcessStatus:
        raise ChannelClosed

    ending.ask, busy.ask = at_once, later  # type: ignore[method-assign]  # there are no processes
    scraping = asyncio.create_task(workers.statuses())
    await turns()
    ending._remember()
    answers.set()
    assert (await counted(workers, scraping)).counts[CALLS] == {("a",): 7}
    ending.ask = gone  # type: ignore[method-assign]
    after = await counted(workers, asyncio.create_task(workers.statuses()))
    assert (after.counts[CALLS], after.away) == ({("a",): 7}, 0)


async def test_a_worker_for_which_no_file_is_left_to_open_is_tried_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full() -> object:
        raise OSError(24, "Too many open files")

    (tmp_path / "esb.yaml").write_text(CONFIG)
    told: list[object] = []
    workers = Supervisor(load(tmp_path / "esb.yaml", {}), "127.0.0.1", 0, [], Observer([told.append]), Tally())
    monkeypatch.setattr(socket, "socketpair", full)
    assert await workers._slots[0]._run() == NOT_STARTED
    assert [type(event) for event in told] == [Crashed]


async def counted(workers: Supervisor, scraping: "asyncio.Task[Sequence[ProcessStatus]]") -> Snapshot:
    statuses = await scraping
    return metrics.joined([*(status.counted for status in statuses), *workers.past()])

"""The log of processes that serve: their beginning and end, and not one line that is no JSON."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from esb._version import __version__
from esb.config import load
from esb.core.events import Event, Observer
from esb.core.process_events import Started, Stopped
from esb.server.process_life import ProcessLife
from esb.telemetry.stdlib_logs import UNREADABLE
from tests.support.processes.command_line import exchange, running

CONFIG = """\
version: 1
server: {{port: 0, workers: {workers}}}
services: {{store: {{use: memory, config: {{per_process: accept}}}}}}
middlewares: []
include: [more.yaml]
components:
  - {{path: /a/b/, use: "noisy:Noisy"}}
"""
NOISY = """\
import asyncio, logging, sys, threading, warnings
from esb import Component, NoConfig, Params

warnings.simplefilter("always")
warnings.warn("an old way")


def fail():
    raise ValueError("hunter2")


async def fail_later():
    fail()


class Broken:
    def __del__(self):
        fail()


class Noisy(Component[NoConfig, Params]):
    async def handle(self, call, params):
        print("printed", file=sys.stderr)
        warnings.warn("another old way")
        thread = threading.Thread(target=fail)
        thread.start()
        thread.join()
        Broken()
        logging.getLogger("lib").error("it broke\\nbadly")
        logging.getLogger("lib").error("%d times", "hunter2")
        task = asyncio.ensure_future(fail_later())
        await asyncio.wait({task})
        del task
        fail()
"""


def served(tmp_path: Path, workers: int) -> Path:
    config = tmp_path / "esb.yaml"
    config.write_text(CONFIG.format(workers=workers))
    (tmp_path / "more.yaml").write_text("components: []\n")
    (tmp_path / "noisy.py").write_text(NOISY)
    return config


def lines_of(config: Path, log: Path) -> list[Mapping[str, Any]]:
    with running("serve", "-c", config, log=log) as gateway:
        exchange(f"{gateway.url}/api/c/compapi/a/b/")
        gateway.stop()
        ended = gateway.finish()
    assert ended.code == 0
    return [json.loads(line) for line in ended.stderr.splitlines()]


@pytest.mark.parametrize("workers", [1, 2])
def test_whatever_happens_each_line_is_json_and_none_quotes_an_error(tmp_path: Path, workers: int) -> None:
    lines = lines_of(served(tmp_path, workers), tmp_path / "log")
    assert "hunter2" not in repr(lines)
    told = {line["event"] for line in lines}
    assert {"printed", "it broke", UNREADABLE, "Task exception was never retrieved", "crash", "call"} <= told
    assert {"a thread", "a finalizer"} <= {line["doing"] for line in lines if line["event"] == "crash"}
    assert any(event.endswith("UserWarning: an old way") for event in told)
    assert any(event.endswith("UserWarning: another old way") for event in told)
    assert all(line["timestamp"].endswith("Z") for line in lines)


@pytest.mark.parametrize(("workers", "processes"), [(1, ["gateway"]), (2, ["supervisor", "worker", "worker"])])
def test_each_process_tells_that_it_is_ready_and_that_it_has_ended(
    tmp_path: Path, workers: int, processes: list[str]
) -> None:
    config = served(tmp_path, workers)
    lines = lines_of(config, tmp_path / "log")
    started = [line for line in lines if line["event"] == "started"]
    stopped = [line for line in lines if line["event"] == "stopped"]
    assert sorted(line["process"] for line in started) == processes
    assert {line["pid"] for line in started} == {line["pid"] for line in stopped}
    assert len({line["pid"] for line in started}) == len(processes)
    for line in (*started, *stopped):
        assert (line["version"], line["file"], line["hash"]) == (__version__, str(config), load(config).hash)
        assert line["address"].startswith("http://127.0.0.1:")
        assert line["level"] == "info"
    assert lines[-1] is stopped[-1]
    assert stopped[-1]["process"] == processes[0]
    assert all(line["lived"] >= 0 for line in stopped)


def test_the_end_tells_of_the_configuration_that_was_served_last(tmp_path: Path) -> None:
    events: list[Event] = []
    first = load(served(tmp_path, 1))
    config = first
    with ProcessLife(Observer([events.append]), "gateway", "http://127.0.0.1:80", lambda: config):
        (tmp_path / "more.yaml").write_text("components: []\n\n")
        config = load(first.path)
    started, stopped = events
    assert isinstance(started, Started)
    assert isinstance(stopped, Stopped)
    assert [started.hash, stopped.hash] == [first.hash, config.hash]
    assert first.hash != config.hash

"""Log records of libraries, in the form of our own log."""

import asyncio
import json
import logging
from pathlib import Path

from esb.core.events import Event, LibraryLogged
from esb.telemetry import stdlib_logs
from tests.support.ports import free_port
from tests.support.processes.command_line import running
from tests.support.wire import exchange

CONFIG = "version: 1\nserver: {{port: 0, admin: {{port: {port}}}}}\ncomponents: []\n"


def test_an_error_is_told_by_its_class_and_place_and_never_by_its_text() -> None:
    events: list[Event] = []
    with stdlib_logs.reported(events.append):
        try:
            raise ValueError("hunter2")
        except ValueError:
            logging.getLogger("some.library").exception("it broke: %s", "badly")
        logging.getLogger("some.library").info("nobody wants to know")
    (event,) = events
    assert isinstance(event, LibraryLogged)
    assert (event.logger, event.level, event.text, event.kind) == (
        "some.library", "error", "it broke: badly", "ValueError"
    )  # fmt: skip
    assert event.where[-1].endswith(" test_an_error_is_told_by_its_class_and_place_and_never_by_its_text")
    assert "hunter2" not in repr(event)


def test_what_asyncio_shows_below_its_first_line_is_left_out() -> None:
    events: list[Event] = []
    with stdlib_logs.reported(events.append):
        logging.getLogger("asyncio").error("Task exception was never retrieved\nfuture: <Task ValueError('hunter2')>")
    assert events == [LibraryLogged("asyncio", "error", "Task exception was never retrieved")]


def test_a_listener_that_fails_harms_nobody() -> None:
    def fail(event: Event) -> None:
        raise OSError("the disk is full")

    with stdlib_logs.reported(fail):
        logging.getLogger("some.library").error("it broke")


def test_every_line_of_a_gateway_that_logs_json_is_json(tmp_path: Path) -> None:
    path = tmp_path / "esb.yaml"
    port = free_port()
    path.write_text(CONFIG.format(port=port))
    with running("serve", "-c", path, log=tmp_path / "log", ESB_LOG="json") as gateway:
        for url in (gateway.url, f"http://127.0.0.1:{port}"):
            assert asyncio.run(exchange(url, b"GET / HTTP/1.1\r\nHost\x01: hunter2\r\n\r\n")).status == 400
        gateway.stop()
        lines = [json.loads(line) for line in gateway.finish().stderr.splitlines()]
    assert [line["status"] for line in lines if line["event"] == "call"] == [400]
    assert [line for line in lines if line["level"] == "error"] == []
    assert "hunter2" not in repr(lines)

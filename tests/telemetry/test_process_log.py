"""The log of a process that serves, from its first line to its last."""

import json
import sys
from typing import Any

import pytest

from esb.core.errors import ConfigError, Mistake
from esb.telemetry.process_log import process_log, told_not_started

Capture = pytest.CaptureFixture[str]


def lines(capfd: Capture) -> list[dict[str, Any]]:
    return [json.loads(line) for line in capfd.readouterr().err.splitlines()]


def test_a_bug_that_ends_the_process_is_a_line_without_its_text(capfd: Capture) -> None:
    with pytest.raises(SystemExit) as ended, process_log({}):
        raise ValueError("hunter2")
    (line,) = lines(capfd)
    assert ended.value.code == 1
    assert (line["event"], line["doing"], line["error"]) == ("crash", "serving", "ValueError")
    assert line["where"][-1].endswith(" test_a_bug_that_ends_the_process_is_a_line_without_its_text")
    assert "hunter2" not in repr(line)


def test_what_is_written_beside_the_log_is_a_line_of_it(capfd: Capture) -> None:
    with process_log({}) as log:
        sys.stderr.write("beside\n")
        log.write(b'{"event": "of its own"}\n')
    assert [line["event"] for line in lines(capfd)] == ["beside", "of its own"]


def test_mistakes_of_the_configuration_go_on_to_who_started_it(capfd: Capture) -> None:
    with pytest.raises(ConfigError), process_log({}):
        raise ConfigError([Mistake("esb.yaml", 1, "a", "b")])
    assert lines(capfd) == []


def test_why_it_does_not_start_is_a_line_where_the_log_is_json(capfd: Capture) -> None:
    assert told_not_started({}, "the port is taken")
    (line,) = lines(capfd)
    assert (line["event"], line["level"], line["why"]) == ("not started", "error", ["the port is taken"])
    assert not told_not_started({"ESB_LOG": "text"}, "the port is taken")
    assert lines(capfd) == []

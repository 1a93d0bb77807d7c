"""The bench, so that it keeps working; `make bench` is all of it, with its peers and under valgrind."""

import importlib
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest

from tests.support.engines import needs_httptools
from tests.support.processes.command_line import environment
from tests.support.processes.scripts import Script, all_at_once, output
from tests.support.repository import ROOT

HERE = ROOT / "bench"


def bench(script: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(HERE / script), *arguments]
    return subprocess.run(command, env=environment(), capture_output=True, text=True, timeout=150, check=False)


@pytest.fixture
def shows(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.syspath_prepend(str(HERE))
    return importlib.import_module("shows")


@pytest.fixture(scope="module")
def contenders() -> Iterator[dict[str, Script]]:
    """What is printed about each contender's answers."""
    names = ("gateway:httptools", "gateway:aiohttp", "bare_aiohttp", "constant")
    with all_at_once({name: (str(HERE / "agree.py"), "--only", name) for name in names}) as running:
        yield running


@pytest.mark.skipif(shutil.which("openssl") is None, reason="it makes the certificate of the TLS upstream")
@pytest.mark.parametrize(
    "contender",
    [pytest.param("gateway:httptools", marks=needs_httptools), "gateway:aiohttp", "bare_aiohttp", "constant"],
)
def test_a_contender_answers_as_it_should_in_every_scenario(contenders: dict[str, Script], contender: str) -> None:
    told = output(contenders[contender]).splitlines()
    if contender == "constant":
        assert told == ["constant: refused", "constant: invalid"]
    else:
        scenarios = ("send", "refused", "invalid", "relay", "errcode", "slow", "tls")
        assert told == [f"{contender}: {scenario}" for scenario in scenarios]


def test_calls_in_flight_and_their_memory_are_told() -> None:
    done = bench("inflight.py", "--only", "gateway:aiohttp", "--numbers", "20")

    assert done.returncode == 0, done.stderr
    assert "| gateway:aiohttp, 20 calls | 0 |" in done.stdout


def test_one_wrong_answer_makes_a_run_void() -> None:
    done = bench("inflight.py", "--only", "constant", "--numbers", "20")

    assert done.returncode == 1
    assert done.stdout == ""
    assert "unexpected answer" in done.stderr


def test_each_measure_stands_beside_what_it_must_be(shows: Any) -> None:
    counted = """\
| send | kIr, 4 clients | ratio, 4 clients | kIr, 64 clients | ratio, 64 clients |
| --- | --: | --: | --: | --: |
| gateway:httptools | 6.0 | 0.60 | 8.0 | 0.80 |
| gateway:aiohttp | 12.0 | 1.20 | 14.0 | 1.40 |
| bare_aiohttp | 10.0 | 1.00 | 10.0 | 1.00 |
"""
    rows = shows.shows({shows.SEND: counted}).splitlines()

    relay = "instructions per send / bare aiohttp relay, fastest engine"
    assert f"| {relay}, 4 clients | 0.6 | ≤ 0.85 | ≤ 0.65 | aim |" in rows
    assert f"| {relay}, 64 clients | 0.8 | ≤ 0.85 | ≤ 0.65 | must |" in rows
    assert "| the same with the aiohttp engine, 64 clients | 1.4 | ≤ 1.25 | ≤ 1.15 | **missed** |" in rows
    assert "| idle memory of the process, MB | void |  |  | **missed** |" in rows


def test_a_trick_for_speed_names_a_scenario_a_contender_or_a_script_that_is_there(shows: Any) -> None:
    known = {*importlib.import_module("scenarios").SCENARIOS, *importlib.import_module("contenders").CONTENDERS}
    known |= {script.name for script in HERE.glob("*.py")}
    marks = [
        (path.name, mark.rstrip("."))
        for path in sorted((ROOT / "esb").rglob("*.py"))
        for names in re.findall(r"\b[Bb]ench: ([\w.:]+(?:, [\w.:]+)*)", path.read_text(encoding="utf-8"))
        for mark in names.split(", ")
    ]

    assert len(marks) > 20
    assert [mark for mark in marks if mark[1] not in known] == []

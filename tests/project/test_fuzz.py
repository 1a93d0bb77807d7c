"""A few seconds of fuzzing with each engine, so that `make fuzz` keeps working; it is the long one."""

import random
import re
import subprocess
import sys
from typing import Any

import pytest

from tests.project.fuzz.hostile_requests import Hostile, hostile
from tests.project.fuzz.trial import Books, Exchange, wrong_answers, wrong_lines
from tests.support.engines import needs_httptools
from tests.support.processes.command_line import environment
from tests.support.repository import ROOT


@pytest.mark.parametrize("engine", [pytest.param("httptools", marks=needs_httptools), "aiohttp"])
def test_no_outsider_crashes_the_gateway_or_keeps_a_call_out_of_its_log(engine: str) -> None:
    command = [sys.executable, "-m", "tests.project.fuzz", "--seed", "1", "--seconds", "4", "--engine", engine]
    done = subprocess.run(
        command, cwd=ROOT, env=environment(), capture_output=True, text=True, timeout=150, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    [(rounds, connections, answers, lines)] = re.findall(
        r"(\d+) rounds, (\d+) connections, (\d+) answers, (\d+) call lines", done.stdout
    )
    assert int(rounds) >= 1
    assert int(lines) >= int(answers) >= int(connections) // 2


def test_the_same_seed_sends_the_same() -> None:
    one, other = ([hostile(rng) for _ in range(300)] for rng in (random.Random("7 0"), random.Random("7 0")))
    assert one == other


ID = "0123456789abcdef0123456789abcdef"
BODY = b'{"result":false,"code":1,"message":"","data":null,"request_id":"%b"}' % ID.encode()
ANSWER = b"HTTP/1.1 200 OK\r\nX-Bkapi-Request-Id: %b\r\nContent-Length: %d\r\n\r\n%b" % (ID.encode(), len(BODY), BODY)
LINE = {"event": "call", "level": "info", "request_id": ID}
WHOLE = Hostile(b"POST /a/ HTTP/1.1\r\n\r\n", whole=True)


@pytest.mark.parametrize(
    ("received", "finding"),
    [
        (ANSWER, ""),
        (b"", "no answer"),
        (b"<html>400 Bad Request</html>", "not the head of an answer"),
        (ANSWER.replace(b"X-Bkapi-Request-Id", b"X-Other"), "0 request ids"),
        (ANSWER.replace(b'"data"', b'"date"'), "no envelope"),
        (ANSWER.replace(b'"request_id":"0', b'"request_id":"1'), "another request id"),
    ],
)
def test_an_answer_that_is_none_is_found(received: bytes, finding: str) -> None:
    found = wrong_answers([Exchange(WHOLE, received)], Books())
    assert [text.partition(": ")[0] for text in found] == [finding] * bool(finding)


@pytest.mark.parametrize(
    ("lines", "finding"),
    [
        ([LINE], []),
        ([], [f"no call line for the answer {ID}"]),
        ([LINE, LINE], [f"2 call lines of one call {ID}"]),
        ([LINE, {"event": "crash", "level": "error"}], ["the log: {'event': 'crash', 'level': 'error'}"]),
    ],
)
def test_a_call_without_its_one_line_and_an_error_in_the_log_are_found(lines: list[Any], finding: list[str]) -> None:
    assert wrong_lines([Exchange(WHOLE, ANSWER)], lines, Books()) == finding

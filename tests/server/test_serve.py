"""`esb serve` at its start, be it one process or many."""

import fcntl
import json
import os
import urllib.request
from collections import Counter
from pathlib import Path

import pytest

from tests.support.ports import free_port
from tests.support.processes.command_line import exchange, running

CONFIG = """\
version: 1
server: {{port: 0, workers: {workers}}}
sandbox: {{port: 0}}
services: {{store: {{use: memory, config: {{per_process: accept}}}}}}
include: [more.yaml]
components: []
"""
NOTING = """\
import os, sys

def note(event, arguments):
    if event == "open" and str(arguments[0]).endswith(".yaml"):
        os.write(noted, f"{os.path.basename(arguments[0])}\\n".encode())

noted = os.open(os.environ["OPENED"], os.O_WRONLY | os.O_APPEND | os.O_CREAT)
sys.addaudithook(note)
"""
"""sitecustomize: Python runs it before anything else, in workers too."""


@pytest.mark.parametrize("workers", [1, 2])
def test_each_file_of_the_configuration_is_read_once(tmp_path: Path, workers: int) -> None:
    (tmp_path / "esb.yaml").write_text(CONFIG.format(workers=workers))
    (tmp_path / "more.yaml").write_text("components: []\n")
    python = tmp_path / "python"
    python.mkdir()
    (python / "sitecustomize.py").write_text(NOTING)
    config, opened = tmp_path / "esb.yaml", tmp_path / "opened"
    with running(
        "serve", "-c", config, log=tmp_path / "log", fresh=True, OPENED=str(opened), PYTHONPATH=str(python)
    ) as gateway:
        gateway.stop()
        assert gateway.finish().code == 0
    assert Counter(opened.read_text().splitlines()) == {"esb.yaml": 1, "more.yaml": 1}


@pytest.mark.parametrize("workers", [1, 2])
def test_a_log_that_nobody_reads_holds_up_neither_calls_nor_the_end(tmp_path: Path, workers: int) -> None:
    port = free_port()
    with_admin = CONFIG.replace("workers:", "admin: {{port: {port}}}, workers:")
    (tmp_path / "esb.yaml").write_text(with_admin.format(port=port, workers=workers))
    (tmp_path / "more.yaml").write_text("components: []\n")
    log = tmp_path / "log"
    os.mkfifo(log)
    reading = os.open(log, os.O_RDONLY | os.O_NONBLOCK)
    with running("serve", "-c", tmp_path / "esb.yaml", log=log, ESB_LOG="json") as gateway:
        fcntl.fcntl(reading, fcntl.F_SETPIPE_SZ, 4096)
        for _ in range(100):
            assert exchange(f"{gateway.url}/nowhere/").status == 404
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/livez") as response:
            assert response.status == 200
        gateway.stop()
        assert gateway.wait() == 0
        assert len(os.read(reading, 65536)) > 3000
    os.close(reading)


def test_the_end_waits_for_who_reads_the_log(tmp_path: Path) -> None:
    (tmp_path / "esb.yaml").write_text(CONFIG.format(workers=1))
    (tmp_path / "more.yaml").write_text("components: []\n")
    log = tmp_path / "log"
    os.mkfifo(log)
    reading = os.open(log, os.O_RDONLY | os.O_NONBLOCK)
    with running("serve", "-c", tmp_path / "esb.yaml", log=log, ESB_LOG="json") as gateway:
        fcntl.fcntl(reading, fcntl.F_SETPIPE_SZ, 4096)
        for _ in range(100):
            exchange(f"{gateway.url}/nowhere/")
        gateway.stop()
        os.set_blocking(reading, True)
        with open(reading, encoding="utf-8") as lines:
            events = Counter(json.loads(line)["event"] for line in lines)
        assert gateway.wait() == 0
    assert events["call"] == 100
    assert events["log lines dropped"] == 0

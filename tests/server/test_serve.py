"""`esb serve` at its start, be it one process or many."""

from collections import Counter
from pathlib import Path

import pytest

from tests.support.processes.command_line import running

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

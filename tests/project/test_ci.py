"""`make ci`: every part is tried, and its last words say which ones failed."""

import shutil
import subprocess
from pathlib import Path

import pytest

from tests.support.processes.command_line import environment
from tests.support.repository import ROOT

MAKE = shutil.which("make") or "make"
PARTS = ["test-aiohttp", "test-lowest", "test-3.12", "test-3.13", "test-extras", "test-sdist", "test"]


@pytest.mark.parametrize(
    ("failing", "code", "last"),
    [
        ([], 0, "make test …"),
        (["test-lowest", "test-sdist"], 2, "make ci: these parts failed: test-lowest test-sdist"),
        (["test"], 2, "make ci: these parts failed: test"),
    ],
)
def test_every_part_is_tried_and_those_that_failed_are_named(
    tmp_path: Path, failing: list[str], code: int, last: str
) -> None:
    stub = tmp_path / "make"
    stub.write_text(f'#!/bin/sh\necho "$1"\ncase " {" ".join(failing)} " in *" $1 "*) exit 1;; esac\n')
    stub.chmod(0o700)
    known = {name: value for name, value in environment().items() if not name.startswith(("MAKE", "MFLAGS"))}
    done = subprocess.run(
        [MAKE, "ci", f"MAKE={stub}"], cwd=ROOT, env=known, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.stdout.split() == PARTS
    assert done.returncode == code
    assert [line for line in done.stderr.splitlines() if not line.startswith("make: ***")][-1] == last

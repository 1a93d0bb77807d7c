"""A small soak, so that the big one keeps working; `make soak` is the big one."""

import re
import subprocess
import sys

import pytest

from tests.command_line import ROOT, environment


@pytest.mark.parametrize("seed", [1, 2])
def test_300_sends_under_all_faults_are_told_as_they_went(seed: int) -> None:
    command = [sys.executable, str(ROOT / "bench" / "soak.py"), "--sends", "300", "--seed", str(seed)]
    done = subprocess.run(command, env=environment(), capture_output=True, text=True, timeout=55, check=False)

    assert done.returncode == 0, done.stdout + done.stderr
    sums = {name: int(number) for name, number in re.findall(r"^ *(\w+) +(\d+)$", done.stdout, re.MULTILINE)}
    assert sums["calls"] == 300
    assert {sums[name] for name in ("duplicated", "lost", "denied", "contradictory", "leaks")} == {0}
    assert min(sums["accepted"], sums["rejected"], sums["unknown"]) > 0
    assert sums["sent"] == sum(sums[name] for name in ("accepted", "held", "rejected", "unknown", "left"))

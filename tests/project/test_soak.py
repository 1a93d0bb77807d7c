"""Three small soaks, so that the big one keeps working; `make soak` is the big one."""

import re
import subprocess
import sys

import pytest

from tests.support.processes.command_line import environment
from tests.support.repository import ROOT

SENDS = 1000
FAULTS = ("duplicated", "lost", "denied", "contradictory", "formless", "leaks")


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_1000_sends_under_all_faults_are_told_as_they_went(seed: int) -> None:
    command = [sys.executable, str(ROOT / "bench" / "soak.py"), "--sends", str(SENDS), "--seed", str(seed)]
    done = subprocess.run(command, env=environment(), capture_output=True, text=True, timeout=110, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    sums = {name: int(number) for name, number in re.findall(r"^ *(\w+) +(\d+)$", done.stdout, re.MULTILINE)}
    assert sums["calls"] == SENDS
    assert [sums[name] for name in FAULTS] == [0] * len(FAULTS)
    assert min(sums["accepted"], sums["rejected"], sums["unknown"]) > 0
    assert sums["sent"] == sum(sums[name] for name in ("accepted", "held", "rejected", "unknown", "left"))

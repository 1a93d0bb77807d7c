"""Three small soaks, so that the big one keeps working; `make soak` is the big one."""

import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.processes.command_line import environment
from tests.support.processes.scripts import Script, all_at_once, output
from tests.support.repository import ROOT

SENDS = 1000
SEEDS = ROOT / "bench" / "soak_seeds.py"
SOAK = """\
import sys
print("        calls      10\\n         lost       {lost}\\nsound, 0 s, seed", sys.argv[-1])
sys.exit(sys.argv[-1] == "{unsound}")
"""
FAULTS = ("duplicated", "lost", "denied", "contradictory", "formless", "leaks")


@pytest.fixture(scope="module")
def soaks() -> Iterator[dict[int, Script]]:
    """The soaks by their seeds."""
    script = str(ROOT / "bench" / "soak.py")
    with all_at_once({seed: (script, "--sends", str(SENDS), "--seed", str(seed)) for seed in (1, 2, 3)}) as running:
        yield running


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_1000_sends_under_all_faults_are_told_as_they_went(soaks: dict[int, Script], seed: int) -> None:
    printed = output(soaks[seed])
    sums = {name: int(number) for name, number in re.findall(r"^ *(\w+) +(\d+)$", printed, re.MULTILINE)}
    assert sums["calls"] == SENDS
    assert [sums[name] for name in FAULTS] == [0] * len(FAULTS)
    assert min(sums["accepted"], sums["rejected"], sums["unknown"]) > 0
    assert sums["sent"] == sum(sums[name] for name in ("accepted", "held", "rejected", "unknown", "left"))


@pytest.mark.parametrize(
    ("unsound", "code", "verdict"), [("none", 0, "all 4 seeds sound"), ("3", 1, "NOT sound: seeds 3")]
)
def test_soaks_of_many_seeds_are_summed_up(tmp_path: Path, unsound: str, code: int, verdict: str) -> None:
    shutil.copy(SEEDS, tmp_path)
    (tmp_path / "soak.py").write_text(SOAK.format(lost=2, unsound=unsound))
    command = [sys.executable, str(tmp_path / SEEDS.name), "--seeds", "4", "--beside-loops", "1"]
    done = subprocess.run(command, env=environment(), capture_output=True, text=True, timeout=170, check=False)
    assert (done.returncode, done.stderr) == (code, "")
    lines = done.stdout.splitlines()
    assert {line for line in lines if line.startswith("sound")} == {f"sound, 0 s, seed {seed}" for seed in (1, 2, 3, 4)}
    assert lines[-2:] == [
        "calls 40, lost 8, duplicated 0, denied 0, contradictory 0, formless 0, leaks 0",
        verdict,
    ]

"""CPU time and memory that processes have used, read from /proc, children included."""

import os
from pathlib import Path

TICKS = os.sysconf("SC_CLK_TCK")


def family(pid: int) -> list[int]:
    """The process and all that descend from it."""
    children = [int(child) for task in Path(f"/proc/{pid}/task").iterdir() for child in _children(task)]
    return [pid, *(each for child in children for each in family(child))]


def _children(task: Path) -> list[str]:
    return (task / "children").read_text().split()


def cpu_seconds(pid: int) -> float:
    """User and system time so far."""
    return sum(_ticks(each) for each in family(pid)) / TICKS


def _ticks(pid: int) -> int:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return int(fields[11]) + int(fields[12])


def memory(pid: int, key: str = "VmRSS") -> int:
    """Return kilobytes in memory now; with VmHWM, the most so far."""
    total = 0
    for each in family(pid):
        for line in Path(f"/proc/{each}/status").read_text().splitlines():
            if line.startswith(f"{key}:"):
                total += int(line.split()[1])
    return total

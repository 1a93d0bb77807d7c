"""From the start of the process to its first answer, and the memory it holds when it has nothing to do.

The contenders take turns, round after round; each start is paired with an interpreter's that imports what every such
gateway imports. One start of each comes before the first round, so that all bytecode is written.
"""

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import uvloop
from contenders import REPEATABLE, Contender, chosen, running, upstream
from load import Load
from processes import memory
from report import table
from scenarios import SCENARIOS

CONTENDERS = "gateway:httptools,gateway:aiohttp,gateway:readable,bare_aiohttp,fastapi_aiohttp"
BASE = "import aiohttp.web, pydantic"


async def _first(url: str, contender: Contender) -> None:
    async with Load(url, 1) as load:
        await load.send(SCENARIOS["send"].asked_of(contender), 1)


def started(contender: Contender, folder: Path) -> tuple[float, float]:
    """Return the seconds to the first answer, and the megabytes held after it."""
    log = folder / "log"
    with upstream((), log) as asked:
        begun = time.perf_counter()
        with running(contender.command, {"UPSTREAM": asked.url} | contender.environ, log) as served:
            uvloop.run(_first(served.url, contender))
            taken = time.perf_counter() - begun
            return taken, memory(served.pid) / 1024


def imported() -> float:
    """Return the seconds to import the modules that every such gateway imports."""
    begun = time.perf_counter()
    subprocess.run([sys.executable, "-c", BASE], env=os.environ | REPEATABLE, check=True)
    return time.perf_counter() - begun


def main() -> None:
    parser = argparse.ArgumentParser(description="start to first answer")
    parser.add_argument("--only", default=CONTENDERS, help="contenders, separated by commas")
    parser.add_argument("--rounds", type=int, default=9)
    asked = parser.parse_args()
    contenders = chosen(asked.only)
    seconds: dict[str, list[float]] = {contender.name: [] for contender in contenders}
    held: dict[str, list[float]] = {contender.name: [] for contender in contenders}
    bases = []
    with tempfile.TemporaryDirectory(prefix="esb-bench-") as name:
        for contender in contenders:
            started(contender, Path(name))
        for _ in range(asked.rounds):
            bases.append(imported())
            for contender in contenders:
                taken, megabytes = started(contender, Path(name))
                seconds[contender.name].append(taken)
                held[contender.name].append(megabytes)
    rows = [(BASE, f"{statistics.median(bases):.2f}", "1.00", "")]
    for each, taken_by in seconds.items():
        ratio = statistics.median(taken / base for taken, base in zip(taken_by, bases, strict=True))
        rows.append(
            (each, f"{statistics.median(taken_by):.2f}", f"{ratio:.2f}", f"{statistics.median(held[each]):.1f}")
        )
    print(table(("start to first answer", "seconds", "ratio", "MB idle"), rows))


if __name__ == "__main__":
    main()

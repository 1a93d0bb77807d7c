"""From the start of the process to its first answer, and the memory it holds when it has nothing to do."""

import argparse
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import uvloop
from contenders import Contender, chosen, running, upstream
from load import Load
from processes import memory
from report import table
from scenarios import SCENARIOS

CONTENDERS = "gateway:httptools,gateway:aiohttp,bare_aiohttp,fastapi_aiohttp"
BASE = "import aiohttp.web, pydantic"


async def _first(url: str, contender: Contender) -> None:
    async with Load(url, 1) as load:
        await load.send(SCENARIOS["send"].asked_of(contender), 1)


def started(contender: Contender, folder: Path) -> tuple[float, float]:
    """Seconds to the first answer, and the megabytes before it."""
    log = folder / "log"
    with upstream((), log) as asked:
        begun = time.perf_counter()
        with running(contender.command, {"UPSTREAM": asked.url} | contender.environ, log) as served:
            idle = memory(served.pid) / 1024
            uvloop.run(_first(served.url, contender))
            return time.perf_counter() - begun, idle


def imported() -> float:
    """Seconds to import what every such gateway imports."""
    begun = time.perf_counter()
    subprocess.run([sys.executable, "-c", BASE], check=True)
    return time.perf_counter() - begun


def main() -> None:
    parser = argparse.ArgumentParser(description="start to first answer")
    parser.add_argument("--only", default=CONTENDERS, help="contenders, separated by commas")
    parser.add_argument("--rounds", type=int, default=7)
    asked = parser.parse_args()
    contenders = chosen(asked.only)
    seconds: dict[str, list[float]] = {contender.name: [] for contender in contenders}
    ratios: dict[str, list[float]] = {contender.name: [] for contender in contenders}
    idle: dict[str, float] = {}
    bases = []
    with tempfile.TemporaryDirectory(prefix="esb-bench-") as name:
        for _ in range(asked.rounds):
            bases.append(imported())
            for contender in contenders:
                taken, idle[contender.name] = started(contender, Path(name))
                seconds[contender.name].append(taken)
                ratios[contender.name].append(taken / bases[-1])
    rows = [(BASE, f"{statistics.median(bases):.2f}", "1.00", "")]
    rows += [
        (each, f"{statistics.median(seconds[each]):.2f}", f"{statistics.median(ratios[each]):.2f}", f"{idle[each]:.0f}")
        for each in seconds
    ]
    print(table(("start to first answer", "seconds", "ratio", "MB idle"), rows))


if __name__ == "__main__":
    main()

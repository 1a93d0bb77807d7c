"""Instructions per send, counted by callgrind: user space only, repeatable to about one percent on a busy machine.

A contender runs under valgrind. After a warm-up it answers N sends, and the counters are read; then 2 N more. What lies
between the two readings holds neither the start nor the reading itself.
"""

import argparse
import os
import re
import subprocess
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import uvloop
from contenders import Contender, Running, chosen, relaying
from load import Batch, Load
from report import table
from scenarios import SCENARIOS, Scenario

SENDS = 256
CONTENDERS = "gateway,bare_aiohttp"


class Counting:
    """The counters of one process under callgrind."""

    def __init__(self, folder: Path, served: Running) -> None:
        self._folder = folder
        self._pid = served.pid
        self._dumps = 0

    def since_last(self) -> int:
        """Return the instructions since the last call of this method."""
        self._dumps += 1
        subprocess.run(["callgrind_control", "--dump", str(self._pid)], check=True, capture_output=True)
        dump = self._folder / f"counts.{self._dumps}"
        found = re.search(r"^(?:totals|summary): (\d+)", dump.read_text(), re.MULTILINE)
        if found is None:
            raise SystemExit(f"no totals in {dump}")
        return int(found.group(1))


async def counted(served: Running, counting: Counting, batch: Batch, connections: int, sends: int) -> float:
    """Return instructions per send, over so many connections."""
    async with Load(served.url, connections) as load:
        await load.send(batch, 4 * connections)
        counting.since_last()
        await load.send(batch, sends)
        once = counting.since_last()
        await load.send(batch, 2 * sends)
        twice = counting.since_last()
    return (twice - once) / sends


def measure(
    contender: Contender, scenario: Scenario, connections: list[int], sends: int, keep: Path | None
) -> list[float]:
    """Thousand instructions per send, for each number of connections."""
    with tempfile.TemporaryDirectory(prefix="esb-bench-") as name:
        folder = keep / contender.name.replace(":", "-") if keep else Path(name)
        folder.mkdir(parents=True, exist_ok=True)
        wrapper = ("valgrind", "--tool=callgrind", "-q", f"--callgrind-out-file={folder}/counts")
        with relaying(contender, scenario.upstream, folder, wrapper) as (served, _):
            counting = Counting(folder, served)
            batch = scenario.asked_of(contender)
            return [uvloop.run(counted(served, counting, batch, number, sends)) / 1000 for number in connections]


def main() -> None:
    parser = argparse.ArgumentParser(description="instructions per send, by callgrind")
    parser.add_argument("--only", default=CONTENDERS, help="contenders, separated by commas; the last is the base")
    parser.add_argument("--scenario", default="send", choices=SCENARIOS)
    parser.add_argument("--connections", default="4,64")
    parser.add_argument("--sends", type=int, default=SENDS)
    parser.add_argument("--keep", type=Path, help="folder for the dumps of each contender, for callgrind_annotate")
    asked = parser.parse_args()
    connections = [int(number) for number in asked.connections.split(",")]
    contenders = chosen(asked.only)

    def count(contender: Contender) -> list[float]:
        return measure(contender, SCENARIOS[asked.scenario], connections, asked.sends, asked.keep)

    with ThreadPoolExecutor(os.cpu_count()) as pool:  # counts do not change when processes get in each other's way
        found = {
            contender.name: counts for contender, counts in zip(contenders, pool.map(count, contenders), strict=True)
        }
    base = found[contenders[-1].name]
    heads = (
        asked.scenario,
        *(head for number in connections for head in (f"kIr, {number} clients", f"ratio, {number} clients")),
    )
    rows = [
        (
            name,
            *(
                cell
                for count, other in zip(counts, base, strict=True)
                for cell in (f"{count:.1f}", f"{count / other:.2f}")
            ),
        )
        for name, counts in found.items()
    ]
    print(table(heads, rows))


if __name__ == "__main__":
    main()

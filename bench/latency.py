"""The time that a relay adds to the upstream's own: the median at one client, all on one CPU, turn by turn."""

import argparse
import os
import statistics
import tempfile
from contextlib import ExitStack
from pathlib import Path

import uvloop
from contenders import Contender, chosen, relaying
from load import Batch, Load
from report import table
from scenarios import DIRECT, SCENARIOS, Scenario

CONTENDERS = "gateway:httptools,gateway:aiohttp,bare_aiohttp,raw_limit,fastapi_aiohttp,nginx"


async def median(url: str, batch: Batch, sends: int) -> float:
    """The median time of an answer, in microseconds."""
    async with Load(url, 1) as load:
        await load.send(batch, sends // 10)
        return statistics.median((await load.send(batch, sends)).latencies) * 1e6


def measure(contenders: list[Contender], scenario: Scenario, sends: int, rounds: int) -> dict[str, list[float]]:
    """Return the microseconds that each adds, round by round."""
    found: dict[str, list[float]] = {contender.name: [] for contender in contenders}
    with tempfile.TemporaryDirectory(prefix="esb-bench-") as name, ExitStack() as stack:
        running = {
            contender: stack.enter_context(relaying(contender, scenario.upstream, Path(name)))
            for contender in contenders
        }
        for number in range(rounds):
            for contender in contenders if number % 2 else contenders[::-1]:
                served, asked = running[contender]
                direct = uvloop.run(median(asked.url, DIRECT, sends))
                relayed = uvloop.run(median(served.url, scenario.asked_of(contender), sends))
                found[contender.name].append(relayed - direct)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description="latency that a relay adds")
    parser.add_argument("--only", default=CONTENDERS, help="contenders, separated by commas")
    parser.add_argument("--base", default="bare_aiohttp")
    parser.add_argument("--scenario", default="send", choices=("send", "slow"))
    parser.add_argument("--sends", type=int, default=500)
    parser.add_argument("--rounds", type=int, default=9)
    asked = parser.parse_args()
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})  # what is started inherits it
    found = measure(chosen(asked.only), SCENARIOS[asked.scenario], asked.sends, asked.rounds)
    (base,) = chosen(asked.base)
    rows = []
    for name, added in found.items():
        ratios = [each / other for each, other in zip(added, found[base.name], strict=True)]
        rows.append((name, f"{statistics.median(added):.0f}", f"{statistics.median(ratios):.2f}"))
    print(table((f"{asked.scenario}, one client, one CPU", "µs added at the median", "ratio"), rows))


if __name__ == "__main__":
    main()

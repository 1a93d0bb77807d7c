"""CPU seconds per send: the contenders take turns, round after round, and each round's ratios to the base are paired.

The base runs twice, the second time as control: where the control's own ratios spread over 40 %, there is no verdict.
"""

import argparse
import statistics
import tempfile
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import uvloop
from contenders import Contender, Running, chosen, relaying
from load import Batch, Load
from processes import cpu_seconds
from report import table
from scenarios import SCENARIOS, Scenario

CONTENDERS = (
    "gateway:httptools,gateway:aiohttp,bare_aiohttp,raw_limit,starlette_aiohttp,fastapi_aiohttp,fastapi_httpx,"
    "django_esb,nginx"
)
SECONDS = 0.6
"""CPU time that a contender should use in a round: the clock ticks every hundredth."""
WIDEST = 0.4


async def spent(served: Running, batch: Batch, connections: int, sends: int) -> float:
    """CPU seconds per send."""
    async with Load(served.url, connections) as load:
        await load.send(batch, connections)
        before = cpu_seconds(served.pid)
        await load.send(batch, sends)
        return (cpu_seconds(served.pid) - before) / sends


def measure(contenders: list[Contender], scenario: Scenario, connections: int, rounds: int) -> dict[str, list[float]]:
    """CPU seconds per send of each contender, round by round."""
    with tempfile.TemporaryDirectory(prefix="esb-bench-") as name, ExitStack() as stack:
        folder = Path(name)
        served = {
            contender: stack.enter_context(relaying(contender, scenario.upstream, folder))[0]
            for contender in contenders
        }
        found: dict[str, list[float]] = {contender.name: [] for contender in contenders}
        sends = {}
        for contender, running in served.items():
            once = uvloop.run(spent(running, scenario.asked_of(contender), connections, 40 * connections))
            sends[contender] = min(max(int(SECONDS / max(once, 1e-5)), 4 * connections), 20_000)
        for number in range(rounds):
            order = contenders if number % 2 else contenders[::-1]
            for contender in order:
                batch = scenario.asked_of(contender)
                used = uvloop.run(spent(served[contender], batch, connections, sends[contender]))
                found[contender.name].append(used)
        return found


def main() -> None:
    parser = argparse.ArgumentParser(description="CPU time per send")
    parser.add_argument("--only", default=CONTENDERS, help="contenders, separated by commas")
    parser.add_argument("--base", default="bare_aiohttp")
    parser.add_argument("--scenario", default="send", choices=SCENARIOS)
    parser.add_argument("--connections", type=int, default=16)
    parser.add_argument("--rounds", type=int, default=7)
    asked = parser.parse_args()
    (base,) = chosen(asked.base)
    control = replace(base, name="control")
    others = [contender for contender in chosen(asked.only) if contender != base]
    found = measure([base, control, *others], SCENARIOS[asked.scenario], asked.connections, asked.rounds)
    ratios = {
        name: [used / other for used, other in zip(each, found[base.name], strict=True)] for name, each in found.items()
    }
    spread = max(ratios["control"]) - min(ratios["control"])
    rows = [
        (name, f"{statistics.median(found[name]) * 1e6:.0f}", f"{statistics.median(each):.2f}")
        for name, each in ratios.items()
    ]
    print(table((f"{asked.scenario}, {asked.connections} clients", "µs of CPU per send", "ratio"), rows))
    verdict = "no verdict: the machine is too busy" if spread > WIDEST else "good for ratios of 1.2 and more"
    print(f"\nSpread of the control: {spread:.0%}; {verdict}.")


if __name__ == "__main__":
    main()

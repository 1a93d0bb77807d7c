"""CPU seconds per send: the contenders take turns, round after round, and each round's ratios to the base are paired.

The base runs twice, the second time as control: where the control's own ratios spread over 40 %, there is no verdict,
and all is measured again.
"""

import argparse
import statistics
import sys
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
ATTEMPTS = 3
OURS = "gateway:httptools"
"""The contender with a column of its own: the sends that it makes with the CPU of one send of another."""


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
    for attempt in range(1, ATTEMPTS + 1):
        found = measure([base, control, *others], SCENARIOS[asked.scenario], asked.connections, asked.rounds)
        ratios = paired(found["control"], found[base.name])
        spread = max(ratios) - min(ratios)
        if spread <= WIDEST:
            break
        print(f"attempt {attempt}: the control's ratios spread over {spread:.0%}", file=sys.stderr)
    else:
        raise SystemExit(f"no verdict: the machine is too busy, the control's ratios spread over {spread:.0%}")
    heads = [f"{asked.scenario}, {asked.connections} clients", "µs of CPU per send", "ratio"]
    ours = found.get(OURS)
    rows = []
    for name, each in found.items():
        row = [name, f"{statistics.median(each) * 1e6:.0f}", f"{statistics.median(paired(each, found[base.name])):.2f}"]
        if ours is not None:
            row.append(f"{statistics.median(paired(each, ours)):.2f}")
        rows.append(row)
    print(table(heads if ours is None else [*heads, "gateway's sends per CPU"], rows))
    print(f"\nThe control's ratios spread over {spread:.0%}.")


def paired(used: list[float], other: list[float]) -> list[float]:
    """The ratio of each round."""
    return [each / by for each, by in zip(used, other, strict=True)]


if __name__ == "__main__":
    main()

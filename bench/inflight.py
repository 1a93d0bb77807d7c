"""Thousands of calls at once against an upstream that takes a second: errors, and memory for each call."""

import argparse
import resource
import tempfile
from pathlib import Path

import uvloop
from contenders import Contender, chosen, relaying
from load import Batch, Load
from processes import memory
from report import table
from scenarios import SCENARIOS

CONTENDERS = "gateway:httptools,gateway:aiohttp,bare_aiohttp"


async def _send(url: str, batch: Batch, number: int, times: int) -> float:
    async with Load(url, number) as load:
        return (await load.send(batch, times)).seconds


def measure(contender: Contender, number: int) -> tuple[float, float]:
    """Return the seconds until all have their answer, and kilobytes for each. Void if one is an error."""
    scenario = SCENARIOS["send"]
    batch = scenario.asked_of(contender)
    with (
        tempfile.TemporaryDirectory(prefix="esb-bench-") as name,
        relaying(contender, ("--delay", "1"), Path(name)) as (served, _),
    ):
        uvloop.run(_send(served.url, batch, 1, 1))
        before = memory(served.pid)
        seconds = uvloop.run(_send(served.url, batch, number, number))
        return seconds, (memory(served.pid, "VmHWM") - before) / number


def main() -> None:
    parser = argparse.ArgumentParser(description="calls in flight")
    parser.add_argument("--only", default=CONTENDERS, help="contenders, separated by commas")
    parser.add_argument("--numbers", default="1000,4000")
    asked = parser.parse_args()
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))  # what is started inherits it
    rows = []
    for number in (int(number) for number in asked.numbers.split(",")):
        for contender in chosen(asked.only):
            seconds, kilobytes = measure(contender, number)
            rows.append((f"{contender.name}, {number} calls", "0", f"{seconds:.1f}", f"{kilobytes:.1f}"))
    print(table(("upstream 1 s", "errors", "seconds", "KB each"), rows))


if __name__ == "__main__":
    main()

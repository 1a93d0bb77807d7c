"""Asks every contender all that it takes part in, a few times: whether all answer as they should. Measures nothing."""

import argparse
import tempfile
from pathlib import Path

import uvloop
from contenders import CONTENDERS, chosen, relaying
from load import Batch, Load
from scenarios import SCENARIOS

CLIENTS, SENDS = 2, 6


async def _send(url: str, batch: Batch) -> None:
    async with Load(url, CLIENTS) as load:
        await load.send(batch, SENDS)


def main() -> None:
    parser = argparse.ArgumentParser(description="whether all contenders answer as they should")
    parser.add_argument("--only", default=",".join(CONTENDERS), help="contenders, separated by commas")
    asked = parser.parse_args()
    for contender in chosen(asked.only):
        for scenario in SCENARIOS.values():
            if scenario.name in contender.lacks:
                continue
            print(f"{contender.name}: {scenario.name}", flush=True)
            with (
                tempfile.TemporaryDirectory(prefix="esb-bench-") as name,
                relaying(contender, scenario.upstream, Path(name)) as (served, _),
            ):
                uvloop.run(_send(served.url, scenario.asked_of(contender)))


if __name__ == "__main__":
    main()

"""`make fuzz FUZZ="--seed 7 --seconds 3600"`: so long, both engines in turn; every finding names its seed and round."""

import asyncio
import logging
import random
import sys
import time
from contextlib import AsyncExitStack
from pathlib import Path
from tempfile import TemporaryDirectory

import click

from tests.project.fuzz.trial import Books, played
from tests.project.fuzz.upstream import evil_upstream
from tests.project.fuzz.world import World, gateway

ENGINES = ("httptools", "aiohttp")
SHOWN = 20
"""The most findings after which the fuzz ends: the first ones are mended first."""
MEBIBYTE = 2**20


async def fuzzed(seed: int, first: int, seconds: float, engines: tuple[str, ...], books: Books) -> int:
    """Play rounds from the number `first` on, until the time is over or too much was found; return how many."""
    async with AsyncExitStack() as stack:
        worlds: list[World] = []
        for engine in engines:
            folder = Path(stack.enter_context(TemporaryDirectory(prefix="esb-")))
            upstream = await stack.enter_async_context(evil_upstream(f"{seed} {engine}"))
            worlds.append(await stack.enter_async_context(gateway(engine, upstream, folder)))
        end, number = time.monotonic() + seconds, first
        while time.monotonic() < end and len(books.findings) < SHOWN:
            for engine, world in zip(engines, worlds, strict=True):
                known = len(books.findings)
                await played(world, seed, number, books)
                for finding in books.findings[known:]:
                    click.echo(f"{engine}: {finding}")
            number += 1
        for engine, world in zip(engines, worlds, strict=True):
            click.echo(f"{engine}: {world.memory() / MEBIBYTE:.0f} MiB in memory at the end")
    return number - first


@click.command()
@click.option("--seed", type=int, help="What is sent; by chance, if left out.")
@click.option("--first", default=0, help="The number of the first round, to play one again.")
@click.option("--seconds", default=60.0, show_default=True, help="How long.")
@click.option("--engine", type=click.Choice(ENGINES), help="One engine of the way out; both in turn, if left out.")
def main(seed: int | None, first: int, seconds: float, engine: str | None) -> None:
    """Send a real gateway what no decent client sends, between it and an upstream that answers as it likes."""
    logging.getLogger("asyncio").setLevel(logging.ERROR)  # it warns of each send to a gateway that has closed
    seed = random.SystemRandom().randrange(10**6) if seed is None else seed
    books = Books()
    engines = ENGINES if engine is None else (engine,)
    rounds = asyncio.run(fuzzed(seed, first, seconds, engines, books))
    click.echo(
        f"seed {seed}: {rounds} rounds, {books.connections} connections, "
        f"{books.answers} answers, {books.lines} call lines"
    )
    click.echo(f"statuses {dict(books.statuses.most_common())}")
    click.echo(f"codes {dict(books.codes.most_common(20))}")
    click.echo(f"{len(books.findings)} findings")
    sys.exit(bool(books.findings))


if __name__ == "__main__":
    main()

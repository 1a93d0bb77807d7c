"""`make kill KILL="--deliveries 20000 --kills 50"`: on SQLite, or on the server of `--database`, a URL."""

import asyncio
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory

import click

from tests.project.kill.trial import Trial, played


@click.command()
@click.option("--deliveries", default=20_000, show_default=True, help="How many; half without dropped repetitions.")
@click.option("--kills", default=50, show_default=True, help="How many processes are killed on the way.")
@click.option("--database", default="", help="The URL of an empty database; a file of SQLite, if left out.")
@click.option("--engine", default="{use: embedded}", show_default=True, help="The value of `deliveries.engine`.")
@click.option("--seed", default=1, show_default=True, help="When the kills come.")
def main(deliveries: int, kills: int, database: str, engine: str, seed: int) -> None:
    """Kill processes while they deliver: exit code 0 only if nothing was lost or doubled."""
    began = time.monotonic()
    with TemporaryDirectory(prefix="esb-") as folder:
        url = database or f"sqlite:///{folder}/esb.db"
        books = asyncio.run(played(Trial(url, deliveries, kills, engine, seed), Path(folder)))
    for name, value in vars(books).items():
        click.echo(f"{name:>14} {dict(value) if isinstance(value, dict) else value}")
    click.echo(f"{'sound' if books.is_sound else 'NOT SOUND'}, {time.monotonic() - began:.0f} s")
    sys.exit(not books.is_sound)


if __name__ == "__main__":
    main()

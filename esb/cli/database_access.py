"""The database for commands: opened from esb.yaml, and its errors as exit codes."""

import asyncio
import sys
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, TypeVar

import click

from esb.cli.options import CONFIG_INVALID
from esb.config import Config, load
from esb.core.errors import ConfigError, GatewayError
from esb.gateway.process_database import build_database

if TYPE_CHECKING:  # its libraries are extras
    from esb.database.engine import Database

T = TypeVar("T")


def with_database(path: str, work: "Callable[[Database], Awaitable[T]]", *, fits: bool = True) -> T:
    """Return what `work` does with the database of the configuration at `path`, which is closed after that.

    What is wrong with the rest of the configuration does not matter. A ClickException says why it is away; exit code 78
    if it is not configured, or not what this version needs. With `fits=False` that is not looked at.
    """
    return with_database_of(load(path), work, fits=fits)


def with_database_of(config: Config, work: "Callable[[Database], Awaitable[T]]", *, fits: bool = True) -> T:
    """Do the same with a configuration that is read."""
    database = built(config)
    from esb.database.engine import DatabaseAway
    from esb.database.schema import DatabaseMismatch

    async def run() -> T:
        try:
            if fits:
                await database.require()
            return await work(database)
        finally:
            await database.close()

    try:
        return asyncio.run(run())
    except DatabaseMismatch as error:
        click.echo(str(error), err=True)
        sys.exit(CONFIG_INVALID)
    except DatabaseAway as error:
        raise click.ClickException(f"{error} (services.database in {config.path})") from error
    except ConfigError:
        raise
    except GatewayError as error:
        raise click.ClickException(str(error)) from error


def built(config: Config) -> "Database":
    """Return the database of this configuration. Exit code 78 if there is none, or something is wrong with it."""
    database, mistakes = build_database(config)
    if database is not None:
        return database
    if config.database is None:
        mistakes = [*config.mistakes]
    text = (
        str(ConfigError(mistakes))
        if mistakes
        else (f"there is no services.database in {config.path}: `esb key new` prints a key for one")
    )
    click.echo(text, err=True)
    sys.exit(CONFIG_INVALID)

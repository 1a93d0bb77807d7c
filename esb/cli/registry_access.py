"""The way of commands to the registry of apps: reading, writing, their actor, and moments on the command line."""

import os
import pwd
import time
from collections.abc import Awaitable, Callable, Iterable
from typing import TYPE_CHECKING, Any, TypeVar

import click

from esb.cli.database_access import with_database
from esb.config import load
from esb.config.moment import instant, instant_past
from esb.database.writer import LONGEST_ACTOR, Actor, Via
from esb.introspect.component_globs import doubts

if TYPE_CHECKING:  # its libraries are extras
    from esb.database.app_views import AppViews
    from esb.database.engine import Database
    from esb.database.registry import Registry, Write

T = TypeVar("T")
F = TypeVar("F", bound=Callable[..., Any])


def actor(via: Via = "cli") -> Actor:
    """Return who runs this command, by the user of the process: `cli:root`. The environment is not believed."""
    try:
        name = pwd.getpwuid(os.getuid()).pw_name
    except KeyError:  # a container's user that has no name
        name = str(os.getuid())
    return Actor(f"cli:{name}"[:LONGEST_ACTOR], via)


def read(path: str, reading: Callable[["AppViews"], Awaitable[T]]) -> T:
    """Return what `reading` finds in the database of this configuration. Exits as `with_database`."""

    async def with_views(registry: "Registry") -> T:
        async with registry.reading() as views:
            return await reading(views)

    return with_registry(path, with_views)


def write(path: str, writing: Callable[["Write"], Awaitable[T]]) -> T:
    """Return what `writing` does in one transaction in the database of this configuration. Exits likewise."""

    async def in_transaction(registry: "Registry") -> T:
        async with registry.writing(actor()) as transaction:
            return await writing(transaction)

    return with_registry(path, in_transaction)


def with_registry(path: str, work: Callable[["Registry"], Awaitable[T]]) -> T:
    """Return what `work` does with the registry in the database of this configuration. Exits likewise."""

    async def with_it(database: "Database") -> T:
        from esb.database.registry import Registry

        return await work(Registry(database))

    return with_database(path, with_it)


def warn_of(path: str, globs: Iterable[str]) -> None:
    """Tell on stderr which of these globs match none of the components that the configuration declares."""
    for doubt in doubts(load(path), globs):
        click.echo(f"warning: {doubt}", err=True)


NEVER = "never"
"""The word for no end."""


def moment_option(name: str, help_text: str, *, never: bool = False, past: bool = False) -> Callable[[F], F]:
    """Return an option whose value is a moment in milliseconds since 1970, None if left out.

    `never`: NEVER is a value, too. `past`: the moment may be past.
    """

    def converted(context: click.Context, option: click.Parameter, value: str | None) -> int | str | None:
        if value is None or (never and value == NEVER):
            return value
        now = time.time()
        found = _instant(value, now)
        if found <= now * 1000 and not past:
            raise click.BadParameter(f"{value} is past")
        return found

    return click.option(name, metavar="TIME", callback=converted, help=help_text)


def ago(context: click.Context, option: click.Parameter, value: str | None) -> int | None:
    """Return the moment that was so long ago (7d), or that an option names, in milliseconds since 1970."""
    if value is None:
        return None
    return _instant(value, time.time(), instant_past)


def _instant(value: str, now: float, read_by: Callable[[str, float], int] = instant) -> int:
    try:
        return read_by(value, now)
    except ValueError as error:
        raise click.BadParameter(str(error)) from None

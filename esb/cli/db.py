"""esb db: the schema of the database of `services.database`."""

import sys
from dataclasses import replace
from typing import TYPE_CHECKING

import click
from pydantic import ValidationError

from esb.cli.database_access import built, with_database, with_database_of
from esb.cli.listing import format_option, show
from esb.cli.options import CONFIG_INVALID, config_option
from esb.config import Config, DatabaseConfig, load

if TYPE_CHECKING:  # its libraries are extras
    from esb.database.engine import Database


COLUMNS = ("revision", "needed", "works")


@click.group(short_help="The database: its schema, its keys, and its move to another place.")
def db() -> None:
    """Look after the database of services.database."""


@db.command(short_help="Bring the database to the schema that this version needs.")
@config_option
def upgrade(path: str) -> None:
    """Bring the database to the schema that this version needs; a new one gets its tables.

    Gateways that run go on. Several upgrades at once wait for each other; one that was cut off is taken up again. Exit
    code 0, 1 if the database is away, 78 if it is of a newer version, or its key is not there.
    """

    async def work(database: "Database") -> None:
        from esb.database.migration import upgrade as migrate
        from esb.database.schema import head

        before = await migrate(database)
        after = before.revision if before.is_newer else head()
        if before.revision == after:
            click.echo(f"the schema is {after}: nothing to do")
        else:
            click.echo(f"the schema is {after} (before: {before.revision or 'none'})")

    with_database(path, work, fits=False)


@db.command(short_help="Print the schema that the database has.")
@config_option
@format_option
def current(path: str, form: str) -> None:
    """Print the schema that the database has, and the one that this version needs.

    Exit code 0 if this version works with it, 78 if it does not, 1 if the database is away.
    """

    async def work(database: "Database") -> str:
        from esb.database.schema import head

        state = await database.schema()
        if form == "json":
            show([{"revision": state.revision, "needed": head(), "works": not state.mismatch}], COLUMNS, form)
        else:
            click.echo(f"the schema is {state.revision or 'none'}, this version needs {head()}")
        return state.mismatch

    mismatch = with_database(path, work, fits=False)
    if mismatch:
        click.echo(mismatch, err=True)
        sys.exit(CONFIG_INVALID)


@db.command(short_help="Encrypt all secrets with the first key.")
@config_option
def rekey(path: str) -> None:
    """Encrypt all secrets in the database with the first of services.database.encryption_keys.

    After that the other keys may go, once every gateway has been restarted with the new one. Put a new key behind the
    old one first, and restart; then put it first, and rekey. One that was cut off is taken up by the next.
    """

    async def work(database: "Database") -> None:
        from esb.database.rekeying import rekey as encrypt_anew

        number = await encrypt_anew(database)
        click.echo(f"{number} secrets were encrypted with the first key; no other key is needed")

    with_database(path, work)


@db.command(short_help="Copy all of the database into another, empty one.")
@config_option
@click.argument("to", metavar="TO")
def copy(path: str, to: str) -> None:
    """Copy all that is in the database into another one, which is made if it is not there, and has to be empty.

    TO is a configuration whose services.database is the other one, or its URL; with a URL, the keys are the same. In a
    URL a password can be read by others on this machine while the command runs. Stop writing meanwhile: what comes
    later is not copied.
    """
    config = load(path)
    other = _other(config, to)

    async def work(database: "Database") -> None:
        from esb.database.copying import copy as copy_all

        target = built(other)
        try:
            copied = await copy_all(database, target)
        finally:
            await target.close()
        for table, number in copied.items():
            click.echo(f"{table}: {number}")

    with_database_of(config, work)


def _other(config: Config, to: str) -> Config:
    """Return the configuration of the database to copy into."""
    if "://" not in to:
        return load(to)
    if config.database is None:
        return config  # which is told
    try:
        database = DatabaseConfig.model_validate({"url": to, "encryption_keys": config.database.encryption_keys})
    except ValidationError as error:
        raise click.BadParameter(error.errors()[0]["msg"].removeprefix("Value error, "), param_hint="TO") from None
    return replace(config, database=database)

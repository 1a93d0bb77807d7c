"""esb db: the schema of the database of `services.database`."""

import sys
from typing import TYPE_CHECKING

import click

from esb.cli.database import with_database
from esb.cli.options import config_option

if TYPE_CHECKING:  # its libraries are extras
    from esb.database.engine import Database


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
def current(path: str) -> None:
    """Print the schema that the database has, and the one that this version needs.

    Exit code 0 if this version works with it, 78 if it does not, 1 if the database is away.
    """

    async def work(database: "Database") -> str:
        from esb.database.schema import head, schema_state

        async with database.bare() as connection:
            state = await schema_state(connection)
        click.echo(f"the schema is {state.revision or 'none'}, this version needs {head()}")
        return state.mismatch

    mismatch = with_database(path, work, fits=False)
    if mismatch:
        click.echo(mismatch, err=True)
        sys.exit(78)

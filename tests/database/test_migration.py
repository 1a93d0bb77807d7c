"""Upgrades of the schema."""

from contextlib import AsyncExitStack

from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Connection, inspect

from esb.database.engine import Database
from esb.database.metadata import METADATA
from esb.database.migration import upgrade
from esb.database.schema import head, known, schema_state
from esb.database.tables import tables
from tests.support.databases import make_database


async def test_an_upgrade_makes_the_tables_that_the_code_describes(database: Database) -> None:
    def differences(connection: Connection) -> list[object]:
        context = MigrationContext.configure(connection, opts={"target_metadata": METADATA})
        assert {table.name for table in tables()} < {*inspect(connection).get_table_names()}
        return [*compare_metadata(context, METADATA)]

    async with database.bare() as connection:
        assert await connection.run_sync(differences) == []


async def test_a_second_upgrade_finds_nothing_to_do(database_url: str, opened: AsyncExitStack) -> None:
    database = make_database(database_url)
    opened.push_async_callback(database.close)
    assert (await upgrade(database)).revision == ""
    assert (await upgrade(database)).revision == head() == known()[-1]
    async with database.bare() as connection:
        assert (await schema_state(connection)).mismatch == ""

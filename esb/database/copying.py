"""The copy of a whole database into another one, of whatever kind: all of it, or nothing."""

from collections.abc import AsyncIterator, Mapping

from sqlalchemy import Table, delete, func, insert, select, text
from sqlalchemy.ext.asyncio import AsyncConnection

from esb.core.errors import GatewayError
from esb.database.engine import Database
from esb.database.keys import database_keys
from esb.database.migration import upgrade
from esb.database.tables import tables

ROWS = 1000
"""Rows that are read and written at once."""
OF_EVERY_DATABASE = frozenset({"change_counter", "database_key", "schema_floor"})
"""Tables that an upgrade puts rows into: those of the copy take their place."""


class NotEmpty(GatewayError):
    """The database to copy into has rows already. The text says in which table."""


async def copy(source: Database, target: Database) -> Mapping[str, int]:
    """Copy all rows as they are at this moment, and return how many of each table. The target gets its tables first.

    NotEmpty; DatabaseMismatch if the keys of the target do not decrypt what is copied; DatabaseAway. Then nothing has
    been copied.
    """
    await upgrade(target)
    async with source.snapshot() as old, target.bare_writing() as new:
        await _require_empty(new)
        copied = {table.name: await _copy(table, old, new) for table in tables()}
        await database_keys(new, target.operator_keys)
    return copied


async def _require_empty(connection: AsyncConnection) -> None:
    for table in tables():
        if table.name in OF_EVERY_DATABASE:
            await connection.execute(delete(table))
        elif (await connection.execute(select(table).limit(1))).first() is not None:
            raise NotEmpty(f"the database to copy into is not empty: there are rows in its table {table.name}")


async def _copy(table: Table, old: AsyncConnection, new: AsyncConnection) -> int:
    number = 0
    async for rows in _batches(table, old):
        await new.execute(insert(table), rows)
        number += len(rows)
    if number and new.dialect.name == "postgresql" and table.autoincrement_column is not None:
        key = table.autoincrement_column
        sequence = f"pg_get_serial_sequence('{table.name}', '{key.name}')"
        highest = (await new.execute(select(func.max(key)))).scalar_one()
        await new.execute(text(f"SELECT setval({sequence}, :highest)"), {"highest": highest})
    return number


async def _batches(table: Table, connection: AsyncConnection) -> AsyncIterator[list[dict[str, object]]]:
    result = await connection.stream(select(table).order_by(*table.primary_key))
    async for rows in result.mappings().partitions(ROWS):
        yield [dict(row) for row in rows]

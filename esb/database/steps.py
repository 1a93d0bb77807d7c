"""The steps of revisions. Each looks first whether it is done: in MySQL, one that was cut off may have been."""

from collections.abc import Sequence
from typing import Any

from alembic import op
from sqlalchemy import inspect
from sqlalchemy.schema import SchemaItem


def create_table(name: str, *items: SchemaItem, **options: Any) -> None:
    """Create a table, unless there is one of this name. `options`: those of one dialect, as sqlite_autoincrement."""
    op.create_table(name, *items, if_not_exists=True, mysql_engine="InnoDB", mysql_charset="utf8mb4", **options)


def create_index(table: str, columns: Sequence[str]) -> None:
    """Create an index named after its table and columns, unless there is one of this name."""
    name = f"ix_{table}_{'_'.join(columns)}"
    if name not in {index["name"] for index in inspect(op.get_bind()).get_indexes(table)}:
        op.create_index(name, table, [*columns])


def insert_once(table: Any, row: dict[str, Any]) -> None:
    """Insert the first row of a table, unless it has one."""
    connection = op.get_bind()
    if connection.execute(table.select()).first() is None:
        connection.execute(table.insert().values(row))

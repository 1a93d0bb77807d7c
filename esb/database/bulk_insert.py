"""Insertion of many rows at once. In SQLite's case in few statements: each is a wait of its driver's thread for Python.

For every row that `executemany` writes, that thread gives Python's lock away and asks for it again, and beside a busy
event loop it gets it some milliseconds later each time.
"""

from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from typing import Any

from sqlalchemy import Table, insert
from sqlalchemy.ext.asyncio import AsyncConnection

SIZES = (64, 16, 4, 1)
"""Rows of one statement: few lengths, so that the statements stay prepared."""
MOST_PARAMETERS = 32_766
"""Of one statement of SQLite. Source: sqlite.org/limits.html."""


async def insert_rows(connection: AsyncConnection, table: Table, rows: Sequence[Mapping[str, Any]]) -> None:
    """Insert these rows, which all have the same columns."""
    if not rows:
        return
    if connection.dialect.name != "sqlite":
        await connection.execute(insert(table), [*rows])
        return
    columns = (*rows[0],)
    for part in _parts(rows, MOST_PARAMETERS // len(columns)):
        values = tuple(row[column] for row in part for column in columns)
        await connection.exec_driver_sql(_statement(table.name, columns, len(part)), values)


def _parts(rows: Sequence[Mapping[str, Any]], most: int) -> Iterator[Sequence[Mapping[str, Any]]]:
    start = 0
    for size in (size for size in SIZES if size <= most):
        while len(rows) - start >= size:
            yield rows[start : start + size]
            start += size


@cache
def _statement(table: str, columns: tuple[str, ...], rows: int) -> str:
    """Return the statement: names are those of our own tables."""
    row = f"({', '.join('?' * len(columns))})"
    names = ", ".join(f'"{column}"' for column in columns)
    return f'INSERT INTO "{table}" ({names}) VALUES {", ".join([row] * rows)}'  # noqa: S608 - see above

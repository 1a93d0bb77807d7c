"""Insertion of many rows at once. In SQLite's case in few statements: each is a wait of its driver's thread for Python.

For every row that `executemany` writes, that thread gives Python's lock away and asks for it again, and beside a busy
event loop it gets it some milliseconds later each time.
"""

from collections.abc import Mapping, Sequence
from functools import cache
from itertools import chain
from operator import itemgetter
from typing import Any

from sqlalchemy import Table, insert
from sqlalchemy.ext.asyncio import AsyncConnection

MOST_ROWS = 64
"""Of one statement: so few lengths stay prepared, and 32 callers at once make none longer."""
MOST_PARAMETERS = 32_766
"""Of one statement of SQLite. Source: sqlite.org/limits.html."""


async def insert_rows(connection: AsyncConnection, table: Table, rows: Sequence[Mapping[str, Any]]) -> None:
    """Insert these rows, which all have the same columns: two or more."""
    if not rows:
        return
    if connection.dialect.name != "sqlite":
        await connection.execute(insert(table), [*rows])
        return
    columns = (*rows[0],)
    driver: Any = (await connection.get_raw_connection()).driver_connection
    values_of = itemgetter(*columns)
    at_once = min(MOST_ROWS, MOST_PARAMETERS // len(columns))
    for start in range(0, len(rows), at_once):
        part = rows[start : start + at_once]
        values = (*chain.from_iterable(map(values_of, part)),)
        await driver.execute_fetchall(_statement(table.name, columns, len(part)), values)


@cache
def _statement(table: str, columns: tuple[str, ...], rows: int) -> str:
    """Return the statement: names are those of our own tables."""
    row = f"({', '.join('?' * len(columns))})"
    names = ", ".join(f'"{column}"' for column in columns)
    return f'INSERT INTO "{table}" ({names}) VALUES {", ".join([row] * rows)}'  # noqa: S608 - see above

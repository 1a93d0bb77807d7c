"""Insertion of many rows at once. In SQLite's case in few statements: each is a wait of its driver's thread for Python.

For every row that `executemany` writes, that thread gives Python's lock away and asks for it again, and beside a busy
event loop it gets it some milliseconds later each time.
"""

import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from itertools import chain
from operator import itemgetter
from typing import Any

from sqlalchemy import Table, insert
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection

SIZES = (256, 128, 64, 32)
"""Rows of one statement, and then what is left: so few lengths stay prepared, and 32 callers at once need just one."""
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
    for part in _parts(rows, MOST_PARAMETERS // len(columns)):
        statement = _statement(table.name, columns, len(part))
        try:
            await driver.execute_fetchall(statement, (*chain.from_iterable(map(values_of, part)),))
        except sqlite3.Error as error:
            translated = DBAPIError.instance(statement, None, error, sqlite3.Error, dialect=connection.dialect)
            raise translated from error


def _parts(rows: Sequence[Mapping[str, Any]], most: int) -> Iterator[Sequence[Mapping[str, Any]]]:
    start = 0
    for size in (size for size in SIZES if size <= most):
        while len(rows) - start >= size:
            yield rows[start : start + size]
            start += size
    if start < len(rows):
        yield rows[start:]


@cache
def _statement(table: str, columns: tuple[str, ...], rows: int) -> str:
    """Return the statement: names are those of our own tables."""
    row = f"({', '.join('?' * len(columns))})"
    names = ", ".join(f'"{column}"' for column in columns)
    return f'INSERT INTO "{table}" ({names}) VALUES {", ".join([row] * rows)}'  # noqa: S608 - see above

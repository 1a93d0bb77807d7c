"""The plans by which SQLite answers statements: from which index, or from none."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import event
from sqlalchemy.ext.asyncio import AsyncConnection

Asked = list[tuple[str, Any]]
"""Statements, each with its parameters."""


@contextmanager
def asked_of(connection: AsyncConnection) -> Iterator[Asked]:
    """Collect the statements that a connection executes meanwhile."""
    asked: Asked = []

    def listen(_connection: Any, _cursor: Any, statement: str, values: Any, _context: Any, _many: Any) -> None:
        asked.append((statement, values))

    event.listen(connection.sync_connection, "before_cursor_execute", listen)
    yield asked
    event.remove(connection.sync_connection, "before_cursor_execute", listen)


async def plans_of(connection: AsyncConnection, asked: Asked) -> list[str]:
    """Return the plan of each of these that reads something."""
    plans = []
    for statement, values in asked:
        if statement.startswith("SELECT"):
            rows = await connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", values)
            plans.append("; ".join(str(row[-1]) for row in rows))
    return plans

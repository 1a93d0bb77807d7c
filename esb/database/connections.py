"""New connections to a database, set up alike whatever its defaults; and the begin of SQLite's transactions."""

from typing import Any

from sqlalchemy import Connection
from sqlalchemy.pool import ConnectionPoolEntry

BUSY_MILLISECONDS = 5000
"""The time that a writer waits for another one of the same file."""
WRITES = "esb_writes"
"""The option of a connection that says how its transaction begins, if it writes."""
STRICT = "STRICT_ALL_TABLES,ERROR_FOR_DIVISION_BY_ZERO,NO_ENGINE_SUBSTITUTION"
"""The mode in which MySQL cuts nothing short, whatever its default."""


def set_up_sqlite(connection: Any, _: ConnectionPoolEntry) -> None:
    """Set up a new connection to SQLite. The driver is to begin no transactions of its own."""
    connection.isolation_level = None
    cursor = connection.cursor()
    for pragma in (f"busy_timeout={BUSY_MILLISECONDS}", "journal_mode=WAL", "foreign_keys=ON", "synchronous=FULL"):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def begin(connection: Connection) -> None:
    """Begin a transaction of SQLite: one that writes takes the lock at once."""
    statement = f"BEGIN {connection.get_execution_options().get(WRITES, '')}"
    driver: Any = connection.connection.dbapi_connection
    driver.run_async(lambda sqlite: sqlite.execute_fetchall(statement))  # one way to its thread instead of three


def set_up_mysql(connection: Any, _: ConnectionPoolEntry) -> None:
    """Set up a new connection to MySQL or MariaDB."""
    cursor = connection.cursor()
    cursor.execute(f"SET SESSION sql_mode='{STRICT}', innodb_lock_wait_timeout={BUSY_MILLISECONDS // 1000}")
    cursor.close()

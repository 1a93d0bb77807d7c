"""New connections to a database, set up alike whatever its defaults; and the begin of SQLite's transactions."""

import asyncio
import sqlite3
from time import monotonic
from typing import Any

from sqlalchemy import Connection
from sqlalchemy.pool import ConnectionPoolEntry

from esb.core.backoff import pauses

BUSY_MILLISECONDS = 5000
"""The time that a writer waits for another one of the same file."""
FIRST_PAUSE, LONGEST_PAUSE = 0.002, 0.1
"""Seconds between two tries to give a file its write-ahead log."""
WRITES = "esb_writes"
"""The option of a connection that says how its transaction begins, if it writes."""
STRICT = "STRICT_ALL_TABLES,ERROR_FOR_DIVISION_BY_ZERO,NO_ENGINE_SUBSTITUTION"
"""The mode in which MySQL cuts nothing short, whatever its default."""


def set_up_sqlite(connection: Any, _: ConnectionPoolEntry) -> None:
    """Set up a new connection to SQLite. The driver is to begin no transactions of its own."""
    connection.isolation_level = None
    cursor = connection.cursor()
    cursor.execute(f"PRAGMA busy_timeout={BUSY_MILLISECONDS}")
    _keep_write_ahead_log(connection, cursor)
    for pragma in ("foreign_keys=ON", "synchronous=FULL"):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _keep_write_ahead_log(connection: Any, cursor: Any) -> None:
    """Give the file a write-ahead log, which it keeps. A new file, or one restored from a backup, has none.

    SQLite itself waits for nobody here, since two that switch at once would wait for each other: it is asked again.
    """
    given_up = monotonic() + BUSY_MILLISECONDS / 1000
    for pause in pauses(FIRST_PAUSE, LONGEST_PAUSE, jitter=True):
        try:
            cursor.execute("PRAGMA journal_mode=WAL")
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode != sqlite3.SQLITE_BUSY or monotonic() > given_up:
                raise
            connection.run_async(lambda _, seconds=pause: asyncio.sleep(seconds))
        else:
            return


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

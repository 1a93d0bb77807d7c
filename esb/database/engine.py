"""The connection to the database: its pool, and its transactions.

Reading and writing are told apart for SQLite: a transaction that begins to read and then writes may fail with "database
is locked", which no waiting mends; so a writer takes the lock with its first word.
"""

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any

from sqlalchemy import URL, Connection, event
from sqlalchemy.exc import DBAPIError, SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection, create_async_engine
from sqlalchemy.pool import ConnectionPoolEntry

from esb.core.errors import GatewayError

BUSY_MILLISECONDS = 5000
"""The time that a writer waits for another one of the same file."""
WRITES = "esb_writes"


class DatabaseAway(GatewayError):
    """The database does not answer. The text names neither its address nor a password."""


class Database:
    """One database, open from `open` to `close`.

    `trouble` says in a few words that it is away, "" when it answered last.
    """

    def __init__(self, url: URL, *, pool: int = 5) -> None:
        """Take the URL with its asynchronous driver. Nothing is connected yet."""
        self.trouble = ""
        self.is_sqlite = url.get_backend_name() == "sqlite"
        options: dict[str, Any] = {} if self.is_sqlite else {"pool_size": pool, "pool_pre_ping": True}
        self._engine = create_async_engine(url, hide_parameters=True, **options)
        if self.is_sqlite:
            event.listen(self._engine.sync_engine, "connect", _as_we_need_it)
            event.listen(self._engine.sync_engine, "begin", _begin)

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[AsyncConnection]:
        """Yield a connection in a transaction that writes nothing. DatabaseAway if it cannot be had, or is lost."""
        with self._told():
            async with self._engine.connect() as connection:
                yield connection
                await connection.rollback()

    @asynccontextmanager
    async def writing(self) -> AsyncIterator[AsyncConnection]:
        """Yield a connection in a transaction that is committed at the end, and undone by an exception. DatabaseAway.

        Whether a commit whose connection was lost has happened, nobody knows.
        """
        with self._told():
            async with self._engine.connect() as connection:
                await connection.execution_options(**{WRITES: True})
                async with connection.begin():
                    yield connection

    async def close(self) -> None:
        """Close all connections."""
        await self._engine.dispose()

    @contextmanager
    def _told(self) -> Iterator[None]:
        try:
            yield
        except (OSError, TimeoutError, SQLAlchemyError) as error:
            if isinstance(error, DBAPIError) and not error.connection_invalidated and not _is_away(error):
                raise
            if isinstance(error, SQLAlchemyError) and not isinstance(error, DBAPIError):
                raise
            self.trouble = "the database does not answer"
        else:
            self.trouble = ""
            return
        raise DatabaseAway(self.trouble)  # outside the except clause: a driver's error may quote the address


def _is_away(error: DBAPIError) -> bool:
    return type(error).__name__ in {"OperationalError", "InterfaceError"}


def _as_we_need_it(connection: Any, _: ConnectionPoolEntry) -> None:
    """Set up a new connection to SQLite. The driver is to begin no transactions of its own."""
    connection.isolation_level = None
    cursor = connection.cursor()
    for pragma in ("journal_mode=WAL", f"busy_timeout={BUSY_MILLISECONDS}", "foreign_keys=ON", "synchronous=FULL"):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _begin(connection: Connection) -> None:
    writes = connection.get_execution_options().get(WRITES)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")

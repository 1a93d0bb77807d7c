"""The connection to the database: its pool, its transactions, and what becomes of them while it is away.

Reading and writing are told apart for SQLite: a transaction that begins to read and then writes may fail with "database
is locked", which no waiting mends; so a writer takes the lock with its first word.
"""

import asyncio
import os
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from threading import Thread
from typing import Any
from weakref import WeakSet

from sqlalchemy import event, select
from sqlalchemy.ext.asyncio import AsyncConnection, create_async_engine
from sqlalchemy.pool import ConnectionPoolEntry

from esb.core.backoff import pauses
from esb.core.errors import GatewayError
from esb.database.connections import WRITES, begin, set_up_mysql, set_up_sqlite
from esb.database.keys import DatabaseKeys, database_keys
from esb.database.schema import NO_SCHEMA, DatabaseMismatch, SchemaState, schema_state
from esb.database.trouble import BUSY, LOCKED, NO_FILE, NOT_ANSWERING, OF_WRITING, REPLACED, reason_of
from esb.database.urls import Address

PATIENCE = 10.0
"""Seconds that a transaction may take, its connection included, unless it says otherwise."""
THREAD_SECONDS = 6.0
"""Patience with a thread at the end: it may wait for the lock of another writer, BUSY_MILLISECONDS at most."""
POOL = 5
"""Connections of a process, and as many more for a moment."""
POOL_SECONDS = 3.0
"""The time that somebody waits for one of them."""
RECYCLED_SECONDS = 1800
"""The age from which on an idle connection is not used again: firewalls forget them after an hour or so."""
PROBE_SECONDS = 1.5
"""The time that a try has to reach a database which was there before."""
FIRST_PAUSE, LONGEST_PAUSE = 0.1, 0.5
"""Seconds between two tries: with them it is noticed within two seconds that it is back, even if one hangs."""
IDLE_SECONDS = 2.0
"""Seconds without an answer after which it is asked how it is: nobody else may do so."""


class DatabaseAway(GatewayError):
    """The database does not answer. The text names neither its address nor a password."""


class Database:
    """One database, open from `open` to `close`.

    `trouble` says in a few words that it is away, or cannot be written, "" when it answered last; `turned` hears it
    each time it changes. While it is away, it is tried again and again in the background; and now and then if nobody
    else asks. One that is read, and not written, as on a full disk, has trouble until somebody writes.
    """

    def __init__(self, address: Address, keys: Sequence[str], turned: Callable[[str], None] | None = None) -> None:
        """Take the address, and the operator's keys for what is secret in it. Nothing is connected yet."""
        self.trouble = ""
        self.is_sqlite = address.back_end == "sqlite"
        self._turned = turned
        self.file = address.file
        """The file of SQLite; None for a server."""
        self.operator_keys = keys
        self.followers: list[Any] = []
        """Those who follow its changes: while it is away, one that comes later begins with what another has read."""
        self._keys: DatabaseKeys | None = None
        self._watching: asyncio.Task[None] | None = None
        self._lost = asyncio.Event()
        self._answered = 0.0
        self._inode: int | None = None
        self._threads: WeakSet[Thread] = WeakSet()
        """Those that SQLite's driver runs, one a connection."""
        pool = {"pool_size": POOL, "max_overflow": POOL, "pool_pre_ping": True, "pool_recycle": RECYCLED_SECONDS}
        options: Any = {} if self.is_sqlite else {**pool, "isolation_level": "READ COMMITTED"}  # locks no gaps
        self._engine = create_async_engine(
            address.url, connect_args=address.arguments, hide_parameters=True, pool_timeout=POOL_SECONDS, **options
        )
        if self.is_sqlite:
            event.listen(self._engine.sync_engine, "connect", set_up_sqlite)
            event.listen(self._engine.sync_engine, "connect", self._note_thread)
            event.listen(self._engine.sync_engine, "begin", begin)
        elif address.back_end == "mysql":
            event.listen(self._engine.sync_engine, "connect", set_up_mysql)

    @property
    def is_away(self) -> bool:
        """True if it cannot even be read."""
        return self._lost.is_set()

    @property
    def keys(self) -> DatabaseKeys:
        """The keys of what is secret in it. DatabaseAway until it was reached for the first time."""
        if self._keys is None:
            raise DatabaseAway(self.trouble or NOT_ANSWERING)
        return self._keys

    async def open(self) -> None:
        """Reach it, and look whether it fits. DatabaseMismatch if not: an old schema, a lost key.

        If it is away, it has `trouble`, and is tried again in the background.
        """
        with suppress(DatabaseAway):
            await self._reach(PATIENCE)
        self._watching = asyncio.create_task(self._watch())

    async def require(self) -> None:
        """Do the same for a command, which cannot wait: DatabaseAway too."""
        await self._reach(PATIENCE)

    @asynccontextmanager
    async def reading(self, seconds: float | None = PATIENCE) -> AsyncIterator[AsyncConnection]:
        """Yield a connection in a transaction that writes nothing. DatabaseAway if it cannot be had, or is lost.

        All of it may take so many `seconds`, or None for as long as it takes.
        """
        await self._usable()
        async with self._transaction(seconds, writes=False) as connection:
            yield connection

    @asynccontextmanager
    async def writing(self, seconds: float | None = PATIENCE) -> AsyncIterator[AsyncConnection]:
        """Yield a connection in a transaction that is committed at the end, and undone by an exception. DatabaseAway.

        Whether a commit whose connection was lost has happened, nobody knows.
        """
        keys = await self._usable()
        async with self._transaction(seconds, writes=True) as connection:
            yield connection
            has_proved = await keys.prove(connection)
        if has_proved:
            keys.proven()

    @asynccontextmanager
    async def snapshot(self) -> AsyncIterator[AsyncConnection]:
        """Yield a connection that sees the database as it is now, to read all of it. DatabaseAway."""
        _ = self.keys
        isolation = "" if self.is_sqlite else "REPEATABLE READ"  # all that SQLite has
        async with self._transaction(None, writes=False, isolation=isolation) as connection:
            yield connection

    @asynccontextmanager
    async def bare_writing(self) -> AsyncIterator[AsyncConnection]:
        """Yield a connection in a transaction that writes, whatever the schema and however long. DatabaseAway."""
        async with self._transaction(None, writes=True) as connection:
            yield connection

    @asynccontextmanager
    async def bare(self) -> AsyncIterator[AsyncConnection]:
        """Yield a connection without a transaction, whatever the schema, for as long as it takes. DatabaseAway."""
        async with self._told(None), self._engine.connect() as connection:
            yield connection

    async def close(self) -> None:
        """Close all connections."""
        if self._watching is not None:
            self._watching.cancel()
            await asyncio.gather(self._watching, return_exceptions=True)
        await self._engine.dispose()
        for thread in [each for each in self._threads if each.is_alive()]:  # of what was cut off, and answers the loop
            await asyncio.to_thread(thread.join, THREAD_SECONDS)

    def _note_thread(self, connection: Any, _: ConnectionPoolEntry) -> None:
        self._threads.add(connection.driver_connection._thread)

    async def schema(self) -> SchemaState:
        """Return the schema that it has. DatabaseAway."""
        if await self._is_missing():
            return NO_SCHEMA
        async with self.bare() as connection:
            return await schema_state(connection)

    async def _is_missing(self) -> bool:
        """Return True if there is no file yet. DatabaseAway if it cannot be opened: the driver would leave a thread."""
        if self.file is None or await asyncio.to_thread(_can_be_opened, self.file):
            return False
        if not await asyncio.to_thread(self.file.exists):
            return True
        self._set(NO_FILE, away=True)
        raise DatabaseAway(NO_FILE)

    async def _usable(self) -> DatabaseKeys:
        """Return the keys. DatabaseAway if it was never reached, or not since its file is gone, or another one."""
        keys = self.keys
        inode = self._inode_now()
        if inode != self._inode:
            self._set(REPLACED if inode else NO_FILE, away=True)
            raise DatabaseAway(self.trouble)
        return keys

    def _inode_now(self) -> int | None:
        """Return which file has its name, None if none: a connection stays with the one that it has opened.

        It is asked in microseconds, as often as there are transactions: a thread would take a hundred.
        """
        return None if self.file is None else _inode(self.file)

    async def _reach(self, seconds: float) -> None:
        if await self._is_missing():
            raise DatabaseMismatch(NO_SCHEMA.mismatch)
        inode = self._inode_now()
        if inode != self._inode:
            await self._engine.dispose()
            self._inode = inode
        async with self._transaction(seconds, writes=False) as connection:
            mismatch = (await schema_state(connection)).mismatch
            if mismatch:
                raise DatabaseMismatch(mismatch)
            self._keys = await database_keys(connection, self.operator_keys)

    async def _watch(self) -> None:
        """Notice that it is away although nobody asks, and that it is back."""
        loop = asyncio.get_running_loop()
        while True:
            with suppress(TimeoutError):
                async with asyncio.timeout(IDLE_SECONDS):
                    await self._lost.wait()
            if self.is_away:
                await self._return()
            elif loop.time() - self._answered >= IDLE_SECONDS:
                with suppress(DatabaseAway):
                    async with self._transaction(PROBE_SECONDS, writes=False) as connection:
                        await connection.execute(select(1))

    async def _return(self) -> None:
        """Try until it is back and fits."""
        for pause in pauses(FIRST_PAUSE, LONGEST_PAUSE, jitter=True):
            await asyncio.sleep(pause)
            if self._keys is not None and not self.is_away:
                return  # somebody else has found it back
            try:
                await self._reach(PATIENCE if self._keys is None else PROBE_SECONDS)
            except DatabaseAway:
                continue
            except DatabaseMismatch as mismatch:
                self._keys = None
                self._set(str(mismatch), away=True)
            else:
                return

    @asynccontextmanager
    async def _transaction(
        self, seconds: float | None, *, writes: bool, isolation: str = ""
    ) -> AsyncIterator[AsyncConnection]:
        async with self._told(seconds, writes=writes), self._engine.connect() as connection:
            if isolation:
                await connection.execution_options(isolation_level=isolation)
            if writes:
                await connection.execution_options(**{WRITES: "IMMEDIATE"})
                async with connection.begin():
                    yield connection
            else:
                yield connection
                await connection.rollback()

    @asynccontextmanager
    async def _told(self, seconds: float | None, *, writes: bool = False) -> AsyncIterator[None]:
        try:
            async with asyncio.timeout(seconds):
                yield
        except Exception as error:
            reason = reason_of(error)
            if reason is None:
                raise
        else:
            self._set("" if writes or self.is_away else self.trouble)
            return
        if reason not in (BUSY, LOCKED):  # it is there, and others have it
            self._set(reason, away=not writes or reason not in OF_WRITING)
        raise DatabaseAway(reason) from None  # a driver's error may quote the address

    def _set(self, trouble: str, *, away: bool = False) -> None:
        if trouble != self.trouble:
            self.trouble = trouble
            if self._turned is not None:
                self._turned(trouble)
        if away:
            self._lost.set()
        else:
            self._lost.clear()
            self._answered = asyncio.get_running_loop().time()


def _can_be_opened(file: Path) -> bool:
    return file.is_file() and os.access(file, os.R_OK | os.W_OK)


def _inode(file: Path) -> int | None:
    try:
        return file.stat().st_ino
    except FileNotFoundError:
        return None

"""The upgrade of a database to the schema of this code: by one process at a time, and again if one was cut off."""

import asyncio
import logging
import os
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from hashlib import sha256
from pathlib import Path

from alembic.migration import MigrationContext
from alembic.operations import Operations
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, delete, insert, text
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection

from esb.core.errors import GatewayError
from esb.database.connections import WRITES
from esb.database.engine import Database
from esb.database.keys import database_keys, draw_keys
from esb.database.metadata import METADATA
from esb.database.schema import REVISIONS, SCHEMA_FLOOR, DatabaseMismatch, SchemaState, head, known, schema_state

ROOT = 0
LOCK_SECONDS = 120.0
"""The time that an upgrade waits for another one of the same database."""
LOCK_PAUSE = 0.2
LOCK_NUMBER = 0x657362
"""The number of our lock in PostgreSQL, of each database its own: "esb"."""


class UpgradeElsewhere(GatewayError):
    """Another upgrade of this database does not come to its end."""


async def upgrade(database: Database) -> SchemaState:
    """Bring a database to the schema of this code, and return the one that it had.

    The file of SQLite is made, and its folder, for its owner alone. Others that do the same meanwhile wait, and find it
    done. DatabaseAway, UpgradeElsewhere; DatabaseMismatch if its schema is newer, or its key not there.
    """
    if database.file is not None:
        _make(database.file)
    async with database.bare() as connection, _lock(connection):
        before = await schema_state(connection)
        if before.is_newer:
            if before.mismatch:
                raise DatabaseMismatch(before.mismatch)
            return before
        if connection.dialect.name == "mysql":
            await connection.commit()  # each revision is one transaction, as far as MySQL knows any
        with _quiet("asyncmy"):
            await connection.run_sync(_migrate)
        await connection.execute(delete(SCHEMA_FLOOR))
        await connection.execute(insert(SCHEMA_FLOOR).values(id=1, revision=_floor()))
        await draw_keys(connection, database.operator_keys)
        await database_keys(connection, database.operator_keys)
        await connection.commit()
        return before


@contextmanager
def _quiet(name: str) -> Iterator[None]:
    """Silence the warnings of a logger: each named primary key of MySQL is one, which has no use for the name."""
    logger = logging.getLogger(name)
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        logger.setLevel(level)


def _make(file: Path) -> None:
    """Make a file, and its folder, that its owner alone reads. OSError.

    If root makes it, it belongs to whom the folder belongs: to the user of the gateway. SQLite does the same beside it.
    """
    file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with suppress(FileExistsError):
        made = os.open(file, os.O_CREAT | os.O_EXCL, 0o600)
        try:
            if os.geteuid() == ROOT:
                folder = file.parent.stat()
                os.fchown(made, folder.st_uid, folder.st_gid)
        finally:
            os.close(made)


def _migrate(connection: Connection) -> None:
    scripts = _scripts()
    context = MigrationContext.configure(
        connection,
        opts={"fn": lambda revision, _: scripts._upgrade_revs(head(), revision), "target_metadata": METADATA},
    )
    with Operations.context(context), context.begin_transaction():
        context.run_migrations()


def _scripts() -> ScriptDirectory:
    return ScriptDirectory(str(REVISIONS), version_locations=[str(REVISIONS)])


def _floor() -> str:
    """Return the oldest revision whose code works with the newest."""
    for script in _scripts().walk_revisions():
        if not getattr(script.module, "expands", False):
            return script.revision
    return known()[0]


@asynccontextmanager
async def _lock(connection: AsyncConnection) -> AsyncIterator[None]:
    """Hold the database's lock of upgrades: in SQLite and PostgreSQL until its transaction ends. UpgradeElsewhere."""
    if connection.dialect.name == "sqlite":
        await connection.execution_options(**{WRITES: "EXCLUSIVE"})
        yield
        return
    if connection.dialect.name == "postgresql":
        await _taken(connection, f"SELECT pg_try_advisory_xact_lock({LOCK_NUMBER})")
        yield
        return
    name = f"esb-upgrade-{sha256((connection.engine.url.database or '').encode()).hexdigest()[:32]}"
    await _taken(connection, f"SELECT GET_LOCK('{name}', 0)")
    try:
        yield
    finally:
        with suppress(SQLAlchemyError):  # the connection may be lost, and the lock with it
            await connection.execute(text(f"DO RELEASE_LOCK('{name}')"))


async def _taken(connection: AsyncConnection, statement: str) -> None:
    try:
        async with asyncio.timeout(LOCK_SECONDS):
            while not (await connection.execute(text(statement))).scalar():  # noqa: ASYNC110 - no event tells of it
                await asyncio.sleep(LOCK_PAUSE)
    except TimeoutError:
        raise UpgradeElsewhere("another upgrade of this database does not come to its end") from None

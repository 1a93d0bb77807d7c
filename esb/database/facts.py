"""Facts about a database, for a preflight: one visit tells all."""

import re
import time
from dataclasses import dataclass

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from esb.database.engine import Database
from esb.database.keys import database_keys
from esb.database.schema import DatabaseMismatch, SchemaState, schema_state

_VERSION = {"sqlite": "SELECT sqlite_version()", "postgresql": "SHOW server_version", "mysql": "SELECT VERSION()"}
_PREFIX_OF_MARIADB = "5.5.5-"
"""The beginning of the version that MariaDB tells old clients."""


@dataclass(frozen=True, slots=True)
class DatabaseFacts:
    """The facts of one database."""

    product: str
    """SQLite, PostgreSQL, MySQL or MariaDB."""
    version: tuple[int, ...]
    mode: str
    """The mode of a server of MySQL that whoever sets none gets; "" elsewhere."""
    seconds: float
    """The time of one answer."""
    schema: SchemaState
    lost_key: str
    """The trouble with the keys; "" if there is none, or no schema yet."""


async def database_facts(database: Database) -> DatabaseFacts:
    """Ask a database. DatabaseAway, or DatabaseMismatch if it has no file yet."""
    async with database.bare() as connection:
        back_end = connection.dialect.name
        told = str((await connection.execute(text(_VERSION[back_end]))).scalar_one())
        started = time.monotonic()
        await connection.execute(text("SELECT 1"))
        seconds = time.monotonic() - started
        mode = ""
        if back_end == "mysql":
            mode = str((await connection.execute(text("SELECT @@GLOBAL.sql_mode"))).scalar_one())
        schema = await schema_state(connection)
        lost_key = "" if schema.mismatch else await _lost_key(connection, database)
    product = {"sqlite": "SQLite", "postgresql": "PostgreSQL", "mysql": "MySQL"}[back_end]
    if "MariaDB" in told:
        product, told = "MariaDB", told.removeprefix(_PREFIX_OF_MARIADB)
    version = tuple(int(part) for part in re.findall(r"[0-9]+", told.split("-")[0].split(" ")[0]))
    return DatabaseFacts(product, version, mode, seconds, schema, lost_key)


async def _lost_key(connection: AsyncConnection, database: Database) -> str:
    try:
        await database_keys(connection, database.operator_keys)
    except DatabaseMismatch as mismatch:
        return str(mismatch)
    return ""

"""The schema a database has, against the one that this code needs. Here nothing needs alembic: a gateway looks too."""

import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from sqlalchemy import Column, Connection, Integer, String, Table, column, inspect, select, table
from sqlalchemy.ext.asyncio import AsyncConnection

from esb.core.errors import GatewayError
from esb.database.metadata import METADATA

REVISIONS = Path(__file__).parent / "revisions"
VERSION = table("alembic_version", column("version_num"))
SCHEMA_FLOOR = Table(
    "schema_floor",
    METADATA,
    Column("id", Integer, primary_key=True, autoincrement=False),  # 1
    Column("revision", String(32), nullable=False),  # the code that knows it works with this schema
)
NO_TABLES = "the database has no tables yet: run `esb db upgrade`"
UPGRADE = "run `esb db upgrade`"
_REVISION_FILE = re.compile(r"r([0-9]{4})_\w+\.py")


class DatabaseMismatch(GatewayError):
    """The database is not what this code, or its configuration, needs. The text says which command mends it."""


@dataclass(frozen=True, slots=True)
class SchemaState:
    """The schema of a database: its revision, "" for none; and the oldest one whose code works with it."""

    revision: str
    floor: str

    @property
    def is_newer(self) -> bool:
        """True if it is of a newer version than this code."""
        return bool(self.revision) and self.revision not in known()

    @property
    def mismatch(self) -> str:
        """Why this code cannot work with it, and what to do; "" if it can."""
        if not self.revision:
            return NO_TABLES
        if self.revision in known():
            needed = head()
            if self.revision == needed:
                return ""
            return f"the schema of the database is {self.revision}, and this version needs {needed}: {UPGRADE}"
        if self.floor in known():
            return ""
        return f"the schema of the database is {self.revision}, of a newer version of the gateway: install that version"


NO_SCHEMA = SchemaState("", "")
"""The schema of a database without tables."""


@cache
def known() -> tuple[str, ...]:
    """Return the revisions of this code, in their order."""
    names = (_REVISION_FILE.fullmatch(path.name) for path in REVISIONS.iterdir())
    return tuple(sorted(found[1] for found in names if found))


def head() -> str:
    """Return the revision that this code needs."""
    return known()[-1]


async def schema_state(connection: AsyncConnection) -> SchemaState:
    """Return the schema that this database has."""
    return await connection.run_sync(schema_of)


def schema_of(connection: Connection) -> SchemaState:
    """Return the schema that this database has."""
    tables = inspect(connection)
    revision = floor = None
    if tables.has_table(VERSION.name):
        revision = connection.execute(select(VERSION.c.version_num)).scalar()
    if tables.has_table(SCHEMA_FLOOR.name):
        floor = connection.execute(select(SCHEMA_FLOOR.c.revision)).scalar()
    return SchemaState(revision or "", floor or "")

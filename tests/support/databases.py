"""Databases for tests: opened from a URL as a gateway does, with the tables that an upgrade makes."""

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

from pydantic import SecretStr
from sqlalchemy import text

from esb.config import DatabaseConfig
from esb.database.engine import Database
from esb.database.migration import upgrade
from esb.database.urls import address_of
from tests.support.servers.databases import KEY

_BLOCKED = {
    "postgresql": text("SELECT count(*) FROM pg_locks WHERE NOT granted"),
    "mysql": text(
        "SELECT CAST(variable_value AS UNSIGNED) FROM information_schema.global_status"
        " WHERE variable_name = 'INNODB_ROW_LOCK_CURRENT_WAITS'"
    ),
}


def make_database(url: str, *keys: str, turned: Callable[[str], None] | None = None) -> Database:
    """Nothing is connected yet, and there may be no tables. A file is meant absolutely."""
    return Database(address_of(database_config(url, *keys), Path("/")), keys or (KEY,), turned)


def database_config(url: str, *keys: str) -> DatabaseConfig:
    return DatabaseConfig(url=SecretStr(url), encryption_keys=tuple(map(SecretStr, keys or (KEY,))))


@asynccontextmanager
async def open_database(url: str, *keys: str) -> AsyncIterator[Database]:
    """Open, with all tables, and closed at the end."""
    database = make_database(url, *keys)
    try:
        await upgrade(database)
        await database.open()
        yield database
    finally:
        await database.close()


def stanza(url: str, keys: Sequence[str] = (KEY,)) -> str:
    """Return the line of `services` for this database."""
    quoted = ", ".join(f'"{key}"' for key in keys)
    return f'  database: {{url: "{url}", encryption_keys: [{quoted}]}}\n'


async def are_blocked(database: Database, number: int = 1) -> bool:
    """Return True if so many transactions wait for others. SQLite does not tell: its writers wait for each other."""
    async with database.reading() as connection:
        asked = _BLOCKED.get(connection.dialect.name)
        return asked is None or (await connection.execute(asked)).scalar_one() >= number

"""From the URL of esb.yaml to what SQLAlchemy connects with. The drivers are chosen here, and nowhere else."""

import ssl
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote

from sqlalchemy import URL

from esb.config.database import DatabaseConfig, parsed, query

DRIVERS = {"sqlite": "sqlite+aiosqlite", "postgresql": "postgresql+asyncpg", "mysql": "mysql+asyncmy"}
CONNECT_SECONDS = 3
"""The time that a server has to take a connection."""
APPLICATION_NAME = "esb"
"""The name of our connections in pg_stat_activity."""


@dataclass(frozen=True, slots=True)
class Address:
    """A URL with its driver, and what else the driver is told at each connection. The password stands in no repr."""

    url: URL
    arguments: dict[str, Any] = field(repr=False)
    file: Path | None = None
    """The file of SQLite, which nobody but an upgrade makes; None for a server."""

    @property
    def back_end(self) -> str:
        """One of sqlite, postgresql and mysql."""
        return self.url.get_backend_name()


def address_of(config: DatabaseConfig, folder: Path) -> Address:
    """Return the address of this database; a file's is relative to `folder`. OSError if its authorities' file fails."""
    parts = parsed(config.url.get_secret_value())
    if parts.scheme == "sqlite":
        file = folder / parts.path[1:]
        url = URL.create(DRIVERS["sqlite"], database=f"file:{quote(str(file))}", query={"mode": "rw", "uri": "true"})
        return Address(url, {}, file)
    found = query(parts)
    url = URL.create(
        DRIVERS[parts.scheme],
        username=_unquoted(parts.username),
        password=_unquoted(parts.password),
        host=None if "socket" in found else parts.hostname or "localhost",
        port=None if "socket" in found else parts.port,
        database=unquote(parts.path[1:]),
    )
    arguments = _of_postgresql(found) if parts.scheme == "postgresql" else _of_mysql(found)
    if "tls" in found:
        arguments["ssl"] = _context(found, folder)
    return Address(url, arguments)


def _unquoted(text: str | None) -> str | None:
    return None if text is None else unquote(text)


def _of_postgresql(found: dict[str, str]) -> dict[str, Any]:
    arguments: dict[str, Any] = {
        "timeout": CONNECT_SECONDS,
        "server_settings": {"application_name": APPLICATION_NAME},
    }
    if "socket" in found:
        arguments["host"] = found["socket"]
    return arguments


def _of_mysql(found: dict[str, str]) -> dict[str, Any]:
    arguments: dict[str, Any] = {"connect_timeout": CONNECT_SECONDS, "charset": "utf8mb4"}
    if "socket" in found:
        arguments["unix_socket"] = found["socket"]
    return arguments


def _context(found: dict[str, str], folder: Path) -> ssl.SSLContext | bool:
    if found["tls"] == "off":
        return False
    context = ssl.create_default_context(cafile=str(folder / found["ca"]) if "ca" in found else None)
    if found["tls"] == "require":
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context

"""The database that `services.database` describes. Its libraries are extras, and imported only if it is there."""

import ssl
from collections.abc import Callable
from importlib import import_module
from typing import TYPE_CHECKING

from esb.config import Config, DatabaseConfig, LedgerConfig, seconds_of
from esb.config.moment import SECONDS
from esb.core.clock import Clock
from esb.core.errors import ConfigError, Mistake
from esb.core.events import Observer
from esb.core.process_events import DatabaseTurned
from esb.gateway.extras import hint_for

if TYPE_CHECKING:
    from esb.database.engine import Database
    from esb.database.use_counts import UseCounts
    from esb.database.use_recorder import UseRecorder

DRIVERS = {"sqlite": "aiosqlite", "postgresql": "asyncpg", "mysql": "asyncmy"}
"""Beginning of a URL -> the module that speaks to such a database."""


NO_CERTIFICATES = "it holds no certificates"


def build_database(config: Config, observer: Observer | None = None) -> "tuple[Database | None, list[Mistake]]":
    """Return the database of this configuration, None if it has none; and what is wrong with it. Nothing is opened."""
    found = config.database
    if found is None or config.root is None:
        return None, []
    lacking = _lacking(found)
    if lacking:
        return None, [config.root.mistake(lacking, "services", "database", "url")]
    from esb.database.engine import Database
    from esb.database.urls import address_of

    try:
        address = address_of(found, config.folder)
    except OSError as error:
        reason = NO_CERTIFICATES if isinstance(error, ssl.SSLError) else error.strerror
        text = f"the file of ca= cannot be used: {reason}"
        return None, [config.root.mistake(text, "services", "database", "url")]
    turned = None if observer is None else lambda trouble: observer.emit(DatabaseTurned(trouble))
    return Database(address, [key.get_secret_value() for key in found.encryption_keys], turned), []


async def require_fit(config: Config) -> None:
    """Look whether the database fits, before processes are started that need it. ConfigError as `opened`."""
    database, _ = build_database(config)
    try:
        await opened(database, config)
    finally:
        if database is not None:
            await database.close()


def _lacking(found: DatabaseConfig) -> str:
    """Return which module is missing and what installs it; "" if none is."""
    driver = DRIVERS[found.url.get_secret_value().partition(":")[0]]
    for module in ("sqlalchemy.ext.asyncio", "greenlet", "cryptography", driver):
        try:
            import_module(module)
        except ModuleNotFoundError as error:
            return f"it needs the module '{error.name}'{hint_for(driver)}"
    return ""


async def opened(database: "Database | None", config: Config) -> None:
    """Open the database. ConfigError if it does not fit: an old schema, or a key that is not there."""
    if database is None or config.root is None:
        return
    from esb.database.schema import DatabaseMismatch

    try:
        await database.open()
    except DatabaseMismatch as error:
        raise ConfigError([config.root.mistake(str(error), "services", "database")]) from error


def build_use_counts(config: Config, clock: Clock) -> "UseCounts | None":
    """Return the listener that counts use for the database; None without one."""
    if config.database is None:
        return None
    from esb.database.use_counts import UseCounts

    return UseCounts(clock.since_1970)


def build_use_recorder(
    counts: "UseCounts | None", database: "Database | None", observer: Observer, current: Callable[[], Config]
) -> "UseRecorder | None":
    """Return what writes these counts into the database, and keeps them as the `current` configuration says."""
    if counts is None or database is None:
        return None
    from esb.database.use_recorder import UseRecorder

    return UseRecorder(counts, database, observer, lambda: seconds_of(kept(current()).history) // SECONDS["d"])


def kept(config: Config) -> LedgerConfig:
    """Return for how long things are kept in the database: the defaults, unless `ledger` says otherwise."""
    return config.ledger or LedgerConfig()

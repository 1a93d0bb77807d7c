"""The time by which leases are kept: the database's own, so that the clocks of its gateways may differ."""

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from esb.core.clock import Clock

_NOW = {
    "postgresql": text("SELECT CAST(extract(epoch FROM clock_timestamp()) * 1000 AS BIGINT)"),
    "mysql": text("SELECT CAST(unix_timestamp(sysdate(3)) * 1000 AS UNSIGNED)"),
}


async def time_of_day(connection: AsyncConnection, clock: Clock) -> int:
    """Return the milliseconds since 1970: by the server's clock; by the gateway's for SQLite, which has none."""
    asked = _NOW.get(connection.dialect.name)
    if asked is None:
        return int(clock.since_1970() * 1000)
    return int((await connection.execute(asked)).scalar_one())

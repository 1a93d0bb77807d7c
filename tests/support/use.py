"""Ends of calls as the recorder of use hears them, and what it has written."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from sqlalchemy import Table, select

from esb.core.events import CallFinished
from esb.database.engine import Database
from esb.database.use import DAY_USE, IMPERSONATED_USE
from esb.database.use_counts import DayKey, HourKey
from esb.database.use_writes import add

TODAY = 20_833
"""A day since 1970: 2027-01-15."""
NOON = TODAY * 86_400.0 + 43_200
HOUR = TODAY * 24 + 12


def ended(**changes: Any) -> CallFinished:
    """The end of a call that `shop` has made to cmsi.send_weixin, in the name of a user who has logged in."""
    values = {
        "id": "0" * 32,
        "method": "POST",
        "path": "/cmsi/send_weixin/",
        "system": "cmsi",
        "component": "send_weixin",
        "app": "shop",
        "user": "admin",
        "user_source": "bk_token",
        "code": 0,
        "status": 200,
        "seconds": 0.1,
        "client_ip": "",
        "secret_id": 7,
    }
    return CallFinished(**{**values, **changes})


def named(user: str = "zhangsan", **changes: Any) -> CallFinished:
    """The end of a call in the name of a user, without proof."""
    return ended(user=user, user_source="bk_username", **changes)


async def write_use(
    database: Database, days: Mapping[DayKey, int], hours: Mapping[HourKey, int] = MappingProxyType({})
) -> None:
    """Write calls, as a recorder does."""
    async with database.writing() as connection:
        await add(connection, days, hours)


async def day_rows(database: Database) -> list[tuple[Any, ...]]:
    """App, day, secret, component and calls of all rows."""
    return await _rows(database, DAY_USE)


async def hour_rows(database: Database) -> list[tuple[Any, ...]]:
    """App, user, hour, component and calls of all rows."""
    return await _rows(database, IMPERSONATED_USE)


async def _rows(database: Database, table: Table) -> list[tuple[Any, ...]]:
    async with database.reading() as connection:
        found = await connection.execute(select(table).order_by(*table.primary_key.columns))
        return [tuple(row) for row in found]

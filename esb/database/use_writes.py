"""Writes of use: added to the rows that are there, in one batch."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Column, String, Table
from sqlalchemy.dialects import mysql
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.sql.dml import Insert

from esb.database.accepted import is_storable
from esb.database.insertions import insert_or_update
from esb.database.use import DAY_USE, IMPERSONATED_USE
from esb.database.use_counts import DayKey, HourKey


async def add(connection: AsyncConnection, days: Mapping[DayKey, int], hours: Mapping[HourKey, int]) -> int:
    """Add these calls to those that are there. Return how many of them are left out, for a name that does not fit.

    Rows come in their order, so that two processes do not wait for each other.
    """
    left_out = 0
    for table, calls in ((DAY_USE, days), (IMPERSONATED_USE, hours)):
        fit = {key: number for key, number in sorted(calls.items()) if _fits(table, key)}
        if fit:
            rows = [dict(zip(table.columns.keys(), (*key, number), strict=True)) for key, number in fit.items()]
            await connection.execute(_added(table, connection.dialect.name), rows)
        if table is DAY_USE:
            left_out = sum(calls.values()) - sum(fit.values())
    return left_out


def _fits(table: Table, key: tuple[Any, ...]) -> bool:
    """Return False for names that not all databases take: they would keep all others from being written."""
    return all(_takes(column, value) for column, value in zip(table.columns, key, strict=False))


def _takes(column: Column[Any], value: Any) -> bool:
    if not isinstance(value, str) or not isinstance(column.type, String):
        return True
    return is_storable(value) and len(value) <= (column.type.length or 0)


def _added(table: Table, dialect: str) -> Insert:
    if dialect == "mysql":
        duplicate = mysql.insert(table)
        return duplicate.on_duplicate_key_update(calls=table.c.calls + duplicate.inserted.calls)
    conflict = insert_or_update(table, dialect)
    calls = table.c.calls + conflict.excluded.calls
    return conflict.on_conflict_do_update(index_elements=[*table.primary_key.columns], set_={"calls": calls})

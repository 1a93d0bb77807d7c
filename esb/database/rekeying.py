"""New encryption of all that is secret, with the first of the keys. What was cut off, the next try takes up."""

from typing import Any

from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from esb.database.apps import APP_SECRET
from esb.database.changes import counted
from esb.database.engine import Database
from esb.database.sealed_columns import SEALED, reseal

BATCH = 200
"""Secrets of one transaction: writers wait for a moment only."""


async def rekey(database: Database) -> int:
    """Encrypt all that is secret with the first key, and return how much was not. After that no other key is needed.

    The gateways go on: they have all keys. DatabaseMismatch if something was encrypted with none of the keys.
    """
    number, last = await _deliveries(database), 0
    while True:
        async with database.writing() as connection:
            done, last = await _resealed(database, connection, last, BATCH)
        number += done
        if not last:
            break
    async with database.writing(None) as connection:
        await counted(connection)  # nobody writes meanwhile: what was added with another key is found now
        done, _ = await _resealed(database, connection, 0, None)
        await database.keys.forget_others(connection)
    return number + done + await _deliveries(database)  # what a gateway that had the other key first has written


async def _deliveries(database: Database) -> int:
    """Encrypt what is sealed of deliveries and kept keys; return how much was not encrypted with the first key."""
    number = 0
    for column in SEALED:
        last: Any = None
        while True:
            async with database.writing() as connection:
                done, last = await reseal(connection, database.keys, column, last, BATCH)
            number += done
            if last is None:
                break
    return number


async def _resealed(database: Database, connection: AsyncConnection, last: int, most: int | None) -> tuple[int, int]:
    """Encrypt those behind the secret `last` anew; return how many were, and the last one looked at, 0 if none was."""
    columns = APP_SECRET.c.id, APP_SECRET.c.app, APP_SECRET.c.sealed
    behind = APP_SECRET.c.sealed.is_not(None) & (APP_SECRET.c.id > last)
    rows = (await connection.execute(select(*columns).where(behind).order_by(APP_SECRET.c.id).limit(most))).all()
    number = 0
    for identity, app, sealed in rows:
        again = database.keys.resealed(sealed, app)
        if again is not None:
            number += 1
            is_it = (APP_SECRET.c.id == identity) & (APP_SECRET.c.sealed == sealed)
            await connection.execute(update(APP_SECRET).where(is_it).values(sealed=again))
    return number, rows[-1].id if rows else 0

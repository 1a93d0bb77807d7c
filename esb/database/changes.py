"""Tables by which processes notice what others have written: one counter, and the apps of each of its numbers.

Whoever writes counts first. The counter is one row, so that writers follow each other: whoever has seen a number has
seen all numbers before it.
"""

from collections.abc import Collection

from sqlalchemy import BigInteger, Column, Integer, Table, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from esb.database.apps import LONGEST_CODE
from esb.database.metadata import METADATA, Milliseconds, exact

CHANGE_COUNTER = Table(
    "change_counter",
    METADATA,
    Column("id", Integer, primary_key=True, autoincrement=False),  # 1
    Column("number", BigInteger, nullable=False),
)

CHANGE = Table(
    "app_change",
    METADATA,
    Column("number", BigInteger, primary_key=True, autoincrement=False),
    Column("app", exact(LONGEST_CODE), primary_key=True),
    Column("at", Milliseconds, nullable=False, index=True),
)


async def counted(connection: AsyncConnection) -> int:
    """Count one more change, and return its number. Other writers wait until this transaction has ended."""
    await connection.execute(update(CHANGE_COUNTER).values(number=CHANGE_COUNTER.c.number + 1))
    return await newest(connection)


async def note(connection: AsyncConnection, number: int, apps: Collection[str], at: int) -> None:
    """Say which apps the change of this number concerns. `at`: milliseconds since 1970."""
    if apps:
        await connection.execute(insert(CHANGE), [{"number": number, "app": app, "at": at} for app in sorted(apps)])


async def newest(connection: AsyncConnection) -> int:
    """Return the number of the last change."""
    number: int = (await connection.execute(select(CHANGE_COUNTER.c.number))).scalar_one()
    return number


async def changed_since(connection: AsyncConnection, number: int) -> list[str]:
    """Return the apps that changed after this number."""
    found = await connection.execute(select(CHANGE.c.app).where(CHANGE.c.number > number).distinct())
    return list(found.scalars())

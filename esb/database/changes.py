"""Tables by which processes notice what others have written: one counter, and the apps of each of its numbers.

Whoever writes counts first. The counter is one row, so that writers follow each other: whoever has seen a number has
seen all numbers before it.
"""

from collections.abc import Collection
from typing import NamedTuple

from sqlalchemy import BigInteger, Column, Integer, Table, func, insert, select, update
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


class Mark(NamedTuple):
    """A change by which a reader knows how far it has read: its number, and its time in milliseconds since 1970.

    The time is None if no row tells of it, or none any more. Two that differ are of two histories: somebody has put
    back an older copy of the database.
    """

    number: int
    at: int | None


async def newest_mark(connection: AsyncConnection) -> Mark:
    """Return the last change."""
    at = select(func.max(CHANGE.c.at)).where(CHANGE.c.number == CHANGE_COUNTER.c.number).scalar_subquery()
    return Mark(*(await connection.execute(select(CHANGE_COUNTER.c.number, at))).one())


async def holds(connection: AsyncConnection, mark: Mark) -> bool:
    """Return whether this change is one of the database's, and what came after it is still known."""
    at = await connection.scalar(select(func.max(CHANGE.c.at)).where(CHANGE.c.number == mark.number))
    return at is not None and at == mark.at


async def changed_since(connection: AsyncConnection, number: int) -> list[str]:
    """Return the apps that changed after this number."""
    found = await connection.execute(select(CHANGE.c.app).where(CHANGE.c.number > number).distinct())
    return list(found.scalars())

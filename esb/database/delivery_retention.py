"""The end of deliveries: of contents, which nobody needs any more, and later of all that is known of their fate.

Both in small steps, each in a transaction of its own: those who accept and deliver wait for it.
"""

from collections.abc import Sequence

from sqlalchemy import delete, select
from sqlalchemy.ext.asyncio import AsyncConnection

from esb.core.delivery_states import ENDED
from esb.database.deliveries import ATTEMPT, CALLBACK_EVENT, CONTENT, DELIVERY, DELIVERY_MESSAGE, PRIORITIES, RECIPIENT

AT_ONCE = 100
"""Deliveries of one step: five hundred would hold up others for a third of a second."""


async def purge_contents(connection: AsyncConnection, now: int) -> bool:
    """Delete contents that nobody needs any more; return True if there may be more. Part of a writing.

    `now`: milliseconds since 1970.
    """
    is_over = (CONTENT.c.purge > 0, CONTENT.c.purge <= now)
    found = await connection.execute(
        select(CONTENT.c.delivery).where(*is_over).order_by(CONTENT.c.purge).limit(AT_ONCE)
    )
    over = [*found.scalars()]
    if over:
        await connection.execute(delete(CONTENT).where(CONTENT.c.delivery.in_(sorted(over))))
    return len(over) == AT_ONCE


async def purge_rows(connection: AsyncConnection, before: int) -> bool:
    """Delete deliveries that ended before this moment, with all that belongs to them; return True if there may be more.

    Part of a writing. `before`: milliseconds since 1970.
    """
    old: list[str] = []
    for state in sorted(ENDED):
        for priority in PRIORITIES:  # which the index has between state and due
            if len(old) < AT_ONCE:
                old += await _ended(connection, state, priority, before, AT_ONCE - len(old))
    if old:
        of_them = sorted(old)
        for table in (RECIPIENT, ATTEMPT, CONTENT, DELIVERY_MESSAGE, CALLBACK_EVENT):
            await connection.execute(delete(table).where(table.c.delivery.in_(of_them)))
        await connection.execute(delete(DELIVERY).where(DELIVERY.c.id.in_(of_them)))
    return len(old) == AT_ONCE


async def _ended(connection: AsyncConnection, state: int, priority: int, before: int, most: int) -> Sequence[str]:
    is_old = (DELIVERY.c.state == state, DELIVERY.c.priority == priority, DELIVERY.c.due < before)
    statement = select(DELIVERY.c.id).where(*is_old).order_by(DELIVERY.c.due).limit(most)
    return (await connection.execute(statement)).scalars().all()

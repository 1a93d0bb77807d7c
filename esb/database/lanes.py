"""Lanes: deliveries with the same credential for the same receiver, who takes only so many in a time.

When one of them has no turn, all that wait are parked: they get the following windows in their order, so that nobody
claims them in vain. Nothing is booked ahead: a call that comes meanwhile goes first.
"""

from sqlalchemy import and_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from esb.core.delivery_states import DeliveryState
from esb.database.deliveries import DELIVERY

WINDOW = 60_000
"""Milliseconds from one window to the next: that of all platforms which count by receiver."""
MOST_PARKED = 2000
"""Deliveries of a lane that are parked at once; those beyond stay as they are, and may be claimed in vain."""


async def park(connection: AsyncConnection, lane: bytes, first: int, width: int) -> None:
    """Give the waiting deliveries of a lane a window each, from `first` on, `width` of them at once. Part of a writing.

    Who is due later than that anyway stays so.
    """
    column = DELIVERY.c
    waiting = and_(column.lane == lane, column.state == DeliveryState.QUEUED)
    statement = select(column.id, column.due).where(waiting).order_by(column.id).limit(MOST_PARKED)
    found = (await connection.execute(statement)).all()
    for number, begin in enumerate(range(0, len(found), width)):
        due = first + number * WINDOW
        early = [row.id for row in found[begin : begin + width] if row.due < due]
        if early:
            still = and_(column.id.in_(early), column.state == DeliveryState.QUEUED)
            await connection.execute(update(DELIVERY).where(still).values(due=due))

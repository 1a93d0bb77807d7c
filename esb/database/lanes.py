"""Lanes: deliveries with the same credential for the same receiver, who takes only so many in a time.

When one of them has no turn, all that wait are parked: they get the following windows in their order, so that nobody
claims them in vain. Nothing is booked ahead: a call that comes meanwhile goes first.
"""

from collections import defaultdict

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

    Who is due much later anyway stays so, and takes nobody's place.
    """
    column = DELIVERY.c
    waiting = and_(column.lane == lane, column.state == DeliveryState.QUEUED)
    statement = select(column.id, column.due).where(waiting).order_by(column.id).limit(MOST_PARKED)
    parked: dict[int, list[str]] = defaultdict(list)
    places = 0
    for row in await connection.execute(statement):
        due = first + places // width * WINDOW
        if row.due <= due + WINDOW:
            places += 1
            if row.due < due:
                parked[due].append(row.id)
    for due, ids in parked.items():
        still = and_(column.id.in_(ids), column.state == DeliveryState.QUEUED)
        await connection.execute(update(DELIVERY).where(still).values(due=due))

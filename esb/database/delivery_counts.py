"""Counts of deliveries by state, and since when the first of them waits: a step into an index for each.

Nobody needs to know how many a million are, and to count them would take its time: none is counted beyond MOST.
"""

from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from esb.core.delivery_states import DeliveryState
from esb.database.deliveries import DELIVERY
from esb.database.oldest import first_due

MOST = 1000
"""The number beyond which deliveries of a state are not counted."""


class StateCount(NamedTuple):
    """The deliveries of a state: MOST of them means that many or more.

    `first`: when the first was due, or has ended, in milliseconds since 1970; None if there is none.
    """

    state: DeliveryState
    number: int
    first: int | None


async def count_states(connection: AsyncConnection) -> list[StateCount]:
    """Return the count of each state."""
    found = iter((await connection.execute(_STATEMENT)).one())
    counts = []
    for state in DeliveryState:
        number, moments = next(found), [next(found) for _ in first_due([state])]
        counts.append(StateCount(state, number, min((each for each in moments if each is not None), default=None)))
    return counts


def _number(state: DeliveryState) -> ColumnElement[int]:
    some = select(DELIVERY.c.id).where(DELIVERY.c.state == state).limit(MOST).subquery()
    return select(func.count()).select_from(some).scalar_subquery()


_COLUMNS: list[Any] = [each for state in DeliveryState for each in (_number(state), *first_due([state]))]
_STATEMENT = select(*_COLUMNS)

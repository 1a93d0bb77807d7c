"""The oldest of each thing that waits: one statement, which takes one step into an index for each of its numbers."""

from collections.abc import Iterable
from typing import Any

from sqlalchemy import ColumnElement, ScalarSelect, func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from esb.core.clock import Clock
from esb.core.delivery_ages import DeliveryAges
from esb.core.delivery_states import ENDED, DeliveryState
from esb.database.deliveries import CALLBACK_EVENT, CONTENT, CREDENTIAL_HOLD, DELIVERY, PRIORITIES
from esb.database.time_of_day import time_of_day

_ACTIVE = (DeliveryState.QUEUED, DeliveryState.SENDING)


async def oldest(connection: AsyncConnection, clock: Clock, rows: float) -> DeliveryAges:
    """Return the ages of what waits and ought not to. `rows`: for how many seconds deliveries are kept."""
    now = await time_of_day(connection, clock)
    found = iter((await connection.execute(_STATEMENT)).one())

    def age(moments: Iterable[int | None], kept: float = 0.0) -> float:
        first = min((moment for moment in moments if moment is not None), default=None)
        return 0.0 if first is None else max(0.0, (now - first) / 1000 - kept)

    waiting, callbacks, holds, stops, contents, ended = ([next(found) for _ in group] for group in _GROUPS)
    overdue = max(age(contents), age(ended, rows))
    return DeliveryAges(age(waiting), age(callbacks), age(holds), age(stops), overdue)


def _first(column: ColumnElement[int], *where: ColumnElement[bool]) -> ScalarSelect[int]:
    return select(func.min(column)).where(*where).scalar_subquery()


def first_due(states: Iterable[DeliveryState]) -> list[ScalarSelect[int]]:
    """Return, for a statement, when the first delivery of each state and priority was due, as the index has them."""
    column = DELIVERY.c
    return [
        _first(column.due, column.state == state, column.priority == priority)
        for state in states
        for priority in PRIORITIES
    ]


_GROUPS = (
    first_due(_ACTIVE),
    [_first(CALLBACK_EVENT.c.due, CALLBACK_EVENT.c.state == state) for state in _ACTIVE],
    [_first(CREDENTIAL_HOLD.c.since, CREDENTIAL_HOLD.c.actor == "")],
    [_first(CREDENTIAL_HOLD.c.since, CREDENTIAL_HOLD.c.actor != "")],
    [_first(CONTENT.c.purge, CONTENT.c.purge > 0)],
    first_due(sorted(ENDED)),
)
_COLUMNS: list[Any] = [each for group in _GROUPS for each in group]
_STATEMENT = select(*_COLUMNS)

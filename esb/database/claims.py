"""Claims of deliveries: who has taken one delivers it, and nobody else does so until its lease is over.

A claim is committed before anything is sent, so it is the intent: a lease that is over says that somebody may have been
reached. It goes on with its old time, before those that came later, since platforms know repetitions for minutes only.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, and_, bindparam, case, func, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from esb.core.delivery_states import OPEN, DeliveryState, ReceiverState
from esb.database.deliveries import CONTENT, DELIVERY, RECIPIENT

LEASE = 10_000
"""Milliseconds for which a claim holds, unless it is extended: the time that a killed process keeps what it had."""
HIGHEST_PRIORITY = 9
"""Priorities go from 0 to this one, which goes first."""

_COLUMNS = (
    *(DELIVERY.c.id, DELIVERY.c.app, DELIVERY.c.username, DELIVERY.c.component, DELIVERY.c.request_id),
    *(DELIVERY.c.due, DELIVERY.c.fence, DELIVERY.c.started, DELIVERY.c.attempts, DELIVERY.c.created),
    *(DELIVERY.c.expires, DELIVERY.c.credential, DELIVERY.c.lane, DELIVERY.c.receivers),
)


@dataclass(slots=True)
class Claim:
    """A delivery that this process has taken, as it was then; times are milliseconds since 1970.

    `started`: since when somebody may have been reached without our knowing, 0 if no attempt before was in doubt.
    `at`: the moment of the claim. `states`: the state of each receiver, by its number. `receivers` and `content` are
    sealed; the content is None once it is gone.
    """

    id: str
    app: str
    username: str
    component: str
    request_id: str
    due: int
    fence: int
    started: int
    attempts: int
    created: int
    expires: int
    credential: str
    lane: bytes | None
    at: int
    receivers: bytes = field(repr=False)
    content: bytes | None = field(repr=False)
    states: Mapping[int, ReceiverState] = field(default_factory=dict)

    @property
    def open(self) -> tuple[int, ...]:
        """The numbers of the receivers to whom it is still to be sent."""
        return tuple(number for number, state in self.states.items() if state in OPEN)


async def claim(connection: AsyncConnection, now: int, owner: str, most: int, lease: int = LEASE) -> list[Claim]:
    """Take deliveries that are due, and return them. Part of a writing.

    First those whose lease is over, then by priority; and those first that are due the longest.
    """
    waiting = await _waiting(connection)
    rows = [] if waiting.lease is None or waiting.lease > now else await _taken(connection, _expired(now), most)
    for priority, due in sorted(waiting.due.items(), reverse=True):
        if due <= now and len(rows) < most:
            rows += await _taken(connection, _due(priority, now), most - len(rows))
    if not rows:
        return []
    ids = [row.id for row in rows]
    await connection.execute(
        update(DELIVERY)
        .where(DELIVERY.c.id.in_(ids))
        .values(
            state=DeliveryState.SENDING,
            owner=owner,
            lease=now + lease,
            fence=DELIVERY.c.fence + 1,
            started=case((DELIVERY.c.started == 0, now), else_=DELIVERY.c.started),
        )
    )
    states, contents = await _states(connection, ids), await _contents(connection, ids)
    return [
        Claim(
            **{**row._mapping, "fence": row.fence + 1},
            at=now,
            content=contents.get(row.id),
            states=states[row.id],
        )
        for row in rows
    ]


async def extend(connection: AsyncConnection, now: int, owner: str, lease: int = LEASE) -> None:
    """Keep all that this owner has taken for another lease. Part of a writing."""
    await connection.execute(update(DELIVERY).where(_owned(owner)).values(lease=now + lease))


async def give_back(connection: AsyncConnection, now: int, owner: str, untouched: Sequence[Claim]) -> None:
    """Let others take at once all that this owner has. Part of a writing.

    Of `untouched` nothing was sent: they wait as before. The leases of the rest are over, so that they are in doubt.
    """
    if untouched:
        row = and_(_owned(owner), DELIVERY.c.id == bindparam("its_id"))
        await connection.execute(
            update(DELIVERY)
            .where(row)
            .values(state=DeliveryState.QUEUED, lease=0, owner="", started=bindparam("its_start")),
            [{"its_id": claim.id, "its_start": claim.started} for claim in untouched],
        )
    await connection.execute(update(DELIVERY).where(_owned(owner)).values(lease=now))


async def next_due(connection: AsyncConnection) -> int | None:
    """Return when the next delivery is due, or a lease over; None if none is."""
    waiting = await _waiting(connection)
    moments = [*waiting.due.values(), *([] if waiting.lease is None else [waiting.lease])]
    return min(moments, default=None)


class _Waiting(NamedTuple):
    """When the first delivery of each priority is due, where there are any; and when the first lease is over."""

    due: Mapping[int, int]
    lease: int | None


async def _waiting(connection: AsyncConnection) -> _Waiting:
    """Look what waits: one step into the index for each priority, however many are scheduled."""
    column = DELIVERY.c
    first = select(func.min(column.due)).where(column.state == DeliveryState.QUEUED)
    moments = [first.where(column.priority == priority).scalar_subquery() for priority in range(HIGHEST_PRIORITY + 1)]
    lease = select(func.min(column.lease)).where(column.state == DeliveryState.SENDING).scalar_subquery()
    *due, expired = (await connection.execute(select(*moments, lease))).one()
    return _Waiting({priority: moment for priority, moment in enumerate(due) if moment is not None}, expired)


def _due(priority: int, now: int) -> ColumnElement[bool]:
    column = DELIVERY.c
    return and_(column.state == DeliveryState.QUEUED, column.priority == priority, column.due <= now)


def _expired(now: int) -> ColumnElement[bool]:
    return and_(DELIVERY.c.state == DeliveryState.SENDING, DELIVERY.c.lease <= now)


def _owned(owner: str) -> ColumnElement[bool]:
    return and_(DELIVERY.c.state == DeliveryState.SENDING, DELIVERY.c.owner == owner)


async def _taken(connection: AsyncConnection, which: ColumnElement[bool], most: int) -> list[Any]:
    """Return rows that nobody else takes until this transaction ends, the first due first."""
    statement = select(*_COLUMNS).where(which).order_by(DELIVERY.c.due).limit(most)
    return [*await connection.execute(statement.with_for_update(skip_locked=True))]


async def _states(connection: AsyncConnection, ids: Sequence[str]) -> Mapping[str, dict[int, ReceiverState]]:
    column = RECIPIENT.c
    statement = select(column.delivery, column.number, column.state).where(column.delivery.in_(ids))
    found: dict[str, dict[int, ReceiverState]] = defaultdict(dict)
    for row in await connection.execute(statement.order_by(column.delivery, column.number)):
        found[row.delivery][row.number] = ReceiverState(row.state)
    return found


async def _contents(connection: AsyncConnection, ids: Sequence[str]) -> Mapping[str, bytes]:
    rows = await connection.execute(select(CONTENT.c.delivery, CONTENT.c.sealed).where(CONTENT.c.delivery.in_(ids)))
    return {row.delivery: row.sealed for row in rows}

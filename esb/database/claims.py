"""Claims of deliveries: who has taken one delivers it, and nobody else does so until its lease is over.

A claim is committed before anything is sent, so it is the intent: a lease that is over says that somebody may have been
reached. It goes on with its old time, before those that came later, since platforms know repetitions for minutes only.
"""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, and_, bindparam, case, func, not_, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from esb.core.delivery_states import MISSED, OPEN, DeliveryState, ReceiverState
from esb.database.deliveries import CONTENT, DELIVERY, PRIORITIES, RECIPIENT
from esb.database.holds import Hold, begin_probe, held_by, holds, is_due, release, set_aside

LEASE = 10_000
"""Milliseconds for which a claim holds, unless it is extended: the time that a killed process keeps what it had."""

_COLUMNS = (
    *(DELIVERY.c.id, DELIVERY.c.app, DELIVERY.c.username, DELIVERY.c.component, DELIVERY.c.request_id),
    *(DELIVERY.c.due, DELIVERY.c.fence, DELIVERY.c.started, DELIVERY.c.attempts, DELIVERY.c.redrives),
    *(DELIVERY.c.created, DELIVERY.c.expires, DELIVERY.c.credential, DELIVERY.c.lane, DELIVERY.c.receivers),
)


@dataclass(slots=True)
class Claim:
    """A delivery that this process has taken, as it was then; times are milliseconds since 1970.

    `started`: since when somebody may have been reached without our knowing, 0 if no attempt before was in doubt.
    `redrives`: how often it was sent again to those who had failed. `at`: the moment of the claim. `states`: the state
    of each receiver, by its number. `receivers` and `content` are sealed; the content is None once it is gone. `tries`:
    the hold that may end if it succeeds. `missed`: the class of the failure of somebody who gets it no more, "" if
    there is nobody.
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
    redrives: int
    created: int
    expires: int
    credential: str
    lane: bytes | None
    at: int
    receivers: bytes = field(repr=False)
    content: bytes | None = field(repr=False)
    states: Mapping[int, ReceiverState] = field(default_factory=dict)
    tries: str = ""
    missed: str = ""

    @property
    def open(self) -> tuple[int, ...]:
        """The numbers of the receivers to whom it is still to be sent."""
        return tuple(number for number, state in self.states.items() if state in OPEN)


class Taken(NamedTuple):
    """The deliveries that were taken, and the holds of that moment; `now` is when that was."""

    claims: Sequence[Claim]
    holds: Sequence[Hold]
    now: int


async def claim(connection: AsyncConnection, now: int, owner: str, most: int, lease: int = LEASE) -> Taken:
    """Take deliveries that are due. Part of a writing.

    First those whose lease is over, then by priority; and those first that are due the longest. What is held is set
    aside, but for one delivery of a credential that is to be tried again.
    """
    waiting, held = await _waiting(connection), await holds(connection)
    rows = [] if waiting.lease is None or waiting.lease > now else await _taken(connection, _expired(now), most)
    probes: dict[str, str] = {}
    for each in [each for each in held if each.is_to_be_tried(now)][: most - len(rows)]:
        if await begin_probe(connection, each, now):
            tried = await _probe(connection, now, each)
            rows += tried
            probes |= {row.id: each.credential for row in tried}
    if held:
        await set_aside(connection, now, held)
    for priority, due in sorted(waiting.due.items(), reverse=True):
        if due <= now and len(rows) < most:
            rows += await _taken(connection, _due(priority, now, held), most - len(rows))
    if not rows:
        return Taken((), held, now)
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
    (states, missed), contents = await _states(connection, ids), await _contents(connection, ids)
    found = [
        Claim(
            **{**row._mapping, "fence": row.fence + 1},
            at=now,
            content=contents.get(row.id),
            states=states[row.id],
            tries=probes.get(row.id, ""),
            missed=missed.get(row.id, ""),
        )
        for row in rows
    ]
    return Taken(found, held, now)


async def extend(
    connection: AsyncConnection, now: int, owner: str, deliveries: Sequence[str], lease: int = LEASE
) -> None:
    """Keep these, which this owner has taken, for another lease. Part of a writing."""
    mine = and_(_owned(owner), DELIVERY.c.id.in_(deliveries))
    await connection.execute(update(DELIVERY).where(mine).values(lease=now + lease))


async def give_back(connection: AsyncConnection, owner: str, untouched: Sequence[Claim]) -> None:
    """Let others take at once what this owner has taken, and of which nothing was sent. Part of a writing."""
    if untouched:
        row = and_(_owned(owner), DELIVERY.c.id == bindparam("its_id"))
        waiting = {"state": DeliveryState.QUEUED, "lease": 0, "owner": "", "started": bindparam("its_start")}
        await connection.execute(
            update(DELIVERY).where(row).values(waiting),
            [{"its_id": claim.id, "its_start": claim.started} for claim in untouched],
        )


async def abandon(connection: AsyncConnection, now: int, owner: str) -> None:
    """End all leases of this owner, so that others take at once what it has not finished, as in doubt.

    Part of a writing.
    """
    await connection.execute(update(DELIVERY).where(_owned(owner)).values(lease=now))


async def recall(connection: AsyncConnection, owner: str, known: Collection[str], lease: int = LEASE) -> None:
    """Undo claims that this owner does not know of, since the database went away while they were made.

    Nothing of them was sent, and nobody has extended them: so the lease tells when that was. Part of a writing.
    """
    column = DELIVERY.c
    doubt = case((column.started == column.lease - lease, 0), else_=column.started)
    await connection.execute(
        update(DELIVERY)
        .where(_owned(owner), column.id.not_in(known))
        .ordered_values(  # MySQL would see the new lease
            (column.started, doubt), (column.state, DeliveryState.QUEUED), (column.lease, 0), (column.owner, "")
        )
    )


async def next_due(connection: AsyncConnection) -> int | None:
    """Return when the next delivery is due, or a lease over; None if none is."""
    waiting = await _waiting(connection)
    moments = [*waiting.due.values(), *([] if waiting.lease is None else [waiting.lease])]
    return min(moments, default=None)


class _Waiting(NamedTuple):
    """The moments at which the first delivery of each priority is due, where there is one, and the first lease over."""

    due: Mapping[int, int]
    lease: int | None


async def _waiting(connection: AsyncConnection) -> _Waiting:
    """Look what waits: one step into the index for each priority, however many are scheduled."""
    column = DELIVERY.c
    first = select(func.min(column.due)).where(column.state == DeliveryState.QUEUED)
    moments = [first.where(column.priority == priority).scalar_subquery() for priority in PRIORITIES]
    lease = select(func.min(column.lease)).where(column.state == DeliveryState.SENDING).scalar_subquery()
    *due, expired = (await connection.execute(select(*moments, lease))).one()
    found = zip(PRIORITIES, due, strict=True)
    return _Waiting({priority: moment for priority, moment in found if moment is not None}, expired)


async def _probe(connection: AsyncConnection, now: int, held: Hold) -> list[Any]:
    """Return the row with which a hold is tried; if none is left, the hold ends."""
    waiting = is_due((DeliveryState.QUEUED, DeliveryState.HELD), now)
    rows = await _taken(connection, and_(waiting, held.held), 1)
    if not rows:
        await release(connection, held.credential, probed=True)
    return rows


def _due(priority: int, now: int, held: Sequence[Hold]) -> ColumnElement[bool]:
    column = DELIVERY.c
    due = and_(column.state == DeliveryState.QUEUED, column.priority == priority, column.due <= now)
    return and_(due, or_(not_(held_by(held)), column.expires <= now)) if held else due


def _expired(now: int) -> ColumnElement[bool]:
    return and_(DELIVERY.c.state == DeliveryState.SENDING, DELIVERY.c.lease <= now)


def _owned(owner: str) -> ColumnElement[bool]:
    return and_(DELIVERY.c.state == DeliveryState.SENDING, DELIVERY.c.owner == owner)


async def _taken(connection: AsyncConnection, which: ColumnElement[bool], most: int) -> list[Any]:
    """Return rows that nobody else takes until this transaction ends, the first due first."""
    statement = select(*_COLUMNS).where(which).order_by(DELIVERY.c.due).limit(most)
    return [*await connection.execute(statement.with_for_update(skip_locked=True))]


async def _states(
    connection: AsyncConnection, ids: Sequence[str]
) -> tuple[Mapping[str, dict[int, ReceiverState]], Mapping[str, str]]:
    """Return the states of all receivers, and the class of the failure of the first who missed it, by delivery."""
    column = RECIPIENT.c
    statement = select(column.delivery, column.number, column.state, column.failure).where(column.delivery.in_(ids))
    found: dict[str, dict[int, ReceiverState]] = defaultdict(dict)
    missed: dict[str, str] = {}
    for row in await connection.execute(statement.order_by(column.delivery, column.number)):
        state = found[row.delivery][row.number] = ReceiverState(row.state)
        if state in MISSED:
            missed.setdefault(row.delivery, row.failure)
    return found, missed


async def _contents(connection: AsyncConnection, ids: Sequence[str]) -> Mapping[str, bytes]:
    rows = await connection.execute(select(CONTENT.c.delivery, CONTENT.c.sealed).where(CONTENT.c.delivery.in_(ids)))
    return {row.delivery: row.sealed for row in rows}

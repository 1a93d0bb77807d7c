"""Changes of deliveries from outside: cancelled, or sent again to those who missed it.

Whoever delivers may have taken one meanwhile. So each change first takes the row, as a claim does, and leaves it alone
in a state that is not its own; the number of its fence goes up, and who is late finishes nothing.
"""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from sqlalchemy import ColumnElement, Row, and_, func, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from esb.core.delivery_states import ENDED, OPEN, DeliveryState, ReceiverState
from esb.database.accepted import can_be_found
from esb.database.callback_events import events_for
from esb.database.deliveries import CONTENT, DELIVERY, RECIPIENT
from esb.database.keys import DatabaseKeys

WAITING = frozenset({DeliveryState.QUEUED, DeliveryState.HELD})
"""States of deliveries that nobody is sending."""
AT_ONCE = 100
"""Deliveries of one transaction: those who deliver wait for it."""


class Hindrance(StrEnum):
    """Why a change of a delivery cannot be made."""

    UNKNOWN = "unknown"
    SENDING = "sending"
    ENDED = "ended"
    NOT_DEAD = "not_dead"
    NOBODY = "nobody"
    NO_CONTENT = "no_content"


@dataclass(frozen=True, slots=True)
class Selection:
    """The deliveries that are meant where many are: of an app, a component, a state that waits; None is not asked."""

    app: str | None = None
    component: str | None = None
    state: DeliveryState | None = None


async def cancel(
    connection: AsyncConnection, keys: DatabaseKeys, identity: str, now: int, app: str | None = None
) -> Hindrance | None:
    """End a delivery that waits; None, or why it could not be. One that is cancelled already is. Part of a writing.

    `app`: it has to be this one's. `now`: milliseconds since 1970. A receiver who may have got the message in an
    attempt before is unknown.
    """
    row = await _locked(connection, identity, app)
    if row is None:
        return Hindrance.UNKNOWN
    if row.state == DeliveryState.SENDING:
        return Hindrance.SENDING
    if row.state in ENDED:
        return None if row.state == DeliveryState.CANCELLED else Hindrance.ENDED
    await _cancelled(connection, keys, [row], now)
    return None


async def cancel_some(connection: AsyncConnection, keys: DatabaseKeys, which: Selection, now: int) -> int:
    """End some of those that wait and are meant; return how many, 0 once there is none. Part of a writing."""
    rows: list[Row[Any]] = []
    for condition in _meant(which):
        wanted = _rows().where(condition).order_by(DELIVERY.c.id).limit(AT_ONCE - len(rows))
        rows += (await connection.execute(wanted.with_for_update(skip_locked=True))).all()
        if len(rows) == AT_ONCE:
            break
    if rows:
        await _cancelled(connection, keys, rows, now)
    return len(rows)


async def count_waiting(connection: AsyncConnection, which: Selection) -> int:
    """Return how many deliveries wait and are meant."""
    number = 0
    for condition in _meant(which):
        number += (await connection.execute(select(func.count()).select_from(DELIVERY).where(condition))).scalar_one()
    return number


async def redrive(
    connection: AsyncConnection,
    identity: str,
    missed: Collection[ReceiverState],
    now: int,
    expires: int,
    app: str | None = None,
) -> Hindrance | None:
    """Queue a dead delivery again for its receivers in these states; None, or why it cannot be. Part of a writing.

    `expires`: until when it is tried; `app`: it has to be this one's. Times are milliseconds since 1970.
    """
    row = await _locked(connection, identity, app)
    if row is None:
        return Hindrance.UNKNOWN
    if row.state != DeliveryState.DEAD:
        return Hindrance.NOT_DEAD
    its_content = CONTENT.c.delivery == identity
    if (await connection.execute(select(CONTENT.c.delivery).where(its_content))).first() is None:
        return Hindrance.NO_CONTENT
    meant = and_(RECIPIENT.c.delivery == identity, RECIPIENT.c.state.in_([*missed]))
    values = {"state": ReceiverState.QUEUED, "failure": "", "errcode": "", "updated": now}
    if not (await connection.execute(update(RECIPIENT).where(meant).values(values))).rowcount:
        return Hindrance.NOBODY
    await connection.execute(
        update(DELIVERY)
        .where(DELIVERY.c.id == identity)
        .values(
            state=DeliveryState.QUEUED,
            due=now,
            expires=expires,
            attempts=0,
            # To the platform it is another message, but for those in doubt: who has got it gets it once.
            redrives=DELIVERY.c.redrives + (0 if ReceiverState.UNKNOWN in missed else 1),
            failure="",
            started=0,
            **_FENCED,
        )
    )
    await connection.execute(update(CONTENT).where(its_content).values(purge=0))
    return None


_FENCED: dict[str, Any] = {"fence": DELIVERY.c.fence + 1, "owner": "", "lease": 0}


def _rows() -> Any:
    return select(DELIVERY.c.id, DELIVERY.c.state, DELIVERY.c.started)


async def _locked(connection: AsyncConnection, identity: str, app: str | None) -> Row[Any] | None:
    """Return a delivery that nobody else changes until the transaction ends."""
    if not can_be_found(identity):
        return None
    is_it = DELIVERY.c.id == identity if app is None else and_(DELIVERY.c.id == identity, DELIVERY.c.app == app)
    row: Row[Any] | None = (await connection.execute(_rows().where(is_it).with_for_update())).first()
    return row


def _meant(which: Selection) -> Iterable[ColumnElement[bool]]:
    """Yield a condition for each state that is meant: an index has the state."""
    for state in sorted(WAITING if which.state is None else WAITING & {which.state}):
        conditions = [DELIVERY.c.state == state]
        if which.app is not None:
            conditions.append(DELIVERY.c.app == which.app)
        if which.component is not None:
            conditions.append(DELIVERY.c.component == which.component)
        yield and_(*conditions)


async def _cancelled(connection: AsyncConnection, keys: DatabaseKeys, rows: Sequence[Row[Any]], now: int) -> None:
    values = {"state": DeliveryState.CANCELLED, "due": now, "started": 0, **_FENCED}
    for state, ids in (
        (ReceiverState.CANCELLED, [row.id for row in rows if not row.started]),
        (ReceiverState.UNKNOWN, [row.id for row in rows if row.started]),
    ):
        if ids:
            waiting = and_(RECIPIENT.c.delivery.in_(ids), RECIPIENT.c.state.in_([*OPEN]))
            await connection.execute(update(RECIPIENT).where(waiting).values(state=state, updated=now))
            await connection.execute(update(DELIVERY).where(DELIVERY.c.id.in_(ids)).values(values))
            await connection.execute(update(CONTENT).where(CONTENT.c.delivery.in_(ids)).values(purge=now))
    await events_for(connection, keys, [row.id for row in rows], now)

"""Ends of attempts: what became of whom, and what comes next, written in one transaction for many deliveries."""

from collections.abc import Sequence, Set
from dataclasses import dataclass
from typing import Any, NamedTuple

from sqlalchemy import and_, bindparam, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from esb.core.delivery_states import ENDED, GIVEN_UP, REACHED, DeliveryState, ReceiverState
from esb.database.bulk_insert import insert_rows
from esb.database.callback_events import events_for
from esb.database.claims import Claim
from esb.database.deliveries import ATTEMPT, CONTENT, DELIVERY, DELIVERY_MESSAGE, RECIPIENT
from esb.database.holds import PROBE, hold, release
from esb.database.keys import DatabaseKeys
from esb.database.lanes import park


class ReceiverEnd(NamedTuple):
    """The state of a receiver after an attempt, by its number; and why it was not reached, "" for no reason."""

    number: int
    state: ReceiverState
    failure: str
    errcode: str


class NewHold(NamedTuple):
    """A hold that an attempt has found to be needed: of a credential or a component, and why."""

    credential: str
    reason: str


class Parking(NamedTuple):
    """The moment at which a lane has a turn again, milliseconds since 1970, and how many it has at once then."""

    due: int
    width: int


@dataclass(slots=True)
class AttemptEnd:
    """The end of an attempt; times are milliseconds since 1970.

    `state` and `due`: what becomes of the delivery, and when it is tried again, or has ended. `attempts`: those that
    count, with this one if it does. `started`: since when it is in doubt, 0 if it is not. `failure`: the class of what
    went wrong, "" for nothing. `receivers`: those of whom there is something new, and `sealed` what is to be kept of
    all, None for the same as before. `purge`: from when on nobody needs its content, once it has ended. `hold`: what is
    held because of it; `releases`: the hold that ends because of it, "" for none; `parking`: when its lane has a turn.
    """

    claim: Claim
    state: DeliveryState
    due: int
    attempts: int
    started: int
    failure: str
    ended: int
    receivers: Sequence[ReceiverEnd]
    sealed: bytes | None
    msgids: Sequence[str]
    purge: int
    hold: NewHold | None = None
    releases: str = ""
    parking: Parking | None = None

    @property
    def accepted(self) -> int:
        """The number of receivers whom it has reached."""
        return self._count(REACHED)

    @property
    def failed(self) -> int:
        """The number of receivers who get the message no more."""
        return self._count(GIVEN_UP)

    @property
    def unknown(self) -> int:
        """The number of receivers of whom nobody knows."""
        return self._count({ReceiverState.UNKNOWN})

    def _count(self, states: Set[ReceiverState]) -> int:
        return sum(each.state in states for each in self.receivers)


class Written(NamedTuple):
    """The writing of an end; it is not `is_ours` if another has taken the delivery meanwhile, and nothing was written.

    `has_event`: there are events for callbacks. `held`, `released`: the holds that have begun and ended with it.
    """

    is_ours: bool
    has_event: bool = False
    held: NewHold | None = None
    released: str = ""


NOT_OURS = Written(is_ours=False)


async def finish(
    connection: AsyncConnection, keys: DatabaseKeys, owner: str, ends: Sequence[AttemptEnd]
) -> Sequence[Written]:
    """Write the ends of attempts of this owner: those of deliveries that it still has. Part of a writing."""
    fences = await _fences(connection, owner, [end.claim.id for end in ends])
    ours = [end for end in ends if fences.get(end.claim.id) == end.claim.fence]
    if ours:
        await _write(connection, owner, ours)
    ended = [end.claim.id for end in ours if end.state in ENDED]
    events = await events_for(connection, keys, ended, max(end.ended for end in ours)) if ended else 0
    written = {end.claim.id: await _written(connection, end, has_event=bool(events)) for end in ours}
    lanes = {end.claim.lane: end.parking for end in ours if end.claim.lane is not None and end.parking is not None}
    for lane, parking in lanes.items():
        await park(connection, lane, *parking)
    return [written.get(end.claim.id, NOT_OURS) for end in ends]


async def _written(connection: AsyncConnection, end: AttemptEnd, *, has_event: bool) -> Written:
    """Begin or end the hold that comes with this end, if one does."""
    held, released = None, ""
    if end.hold is not None:
        probe = end.ended + PROBE
        if await hold(connection, end.hold.credential, end.ended, end.hold.reason, probe=probe):
            held = end.hold
    if end.releases and await release(connection, end.releases, probed=True):
        released = end.releases
    return Written(True, has_event, held, released)


async def _fences(connection: AsyncConnection, owner: str, ids: Sequence[str]) -> dict[str, int]:
    """Return the fences of those of these deliveries that the owner has; nobody takes them until the transaction ends.

    In the order of their ids, so that two who finish do not wait for each other.
    """
    column = DELIVERY.c
    mine = and_(column.id.in_(ids), column.owner == owner, column.state == DeliveryState.SENDING)
    rows = await connection.execute(select(column.id, column.fence).where(mine).order_by(column.id).with_for_update())
    return {row.id: row.fence for row in rows}


async def _write(connection: AsyncConnection, owner: str, ends: Sequence[AttemptEnd]) -> None:
    statement = update(DELIVERY).where(DELIVERY.c.id == bindparam("its_id"))
    names = ("state", "due", "attempts", "started", "failure")
    values: dict[str, Any] = {name: bindparam(f"new_{name}") for name in names}
    await connection.execute(
        statement.values(lease=0, owner="", **values),
        [{"its_id": end.claim.id, **{f"new_{name}": getattr(end, name) for name in names}} for end in ends],
    )
    sealed = [{"its_id": end.claim.id, "new": end.sealed} for end in ends if end.sealed is not None]
    if sealed:
        await connection.execute(statement.values(receivers=bindparam("new")), sealed)
    await _write_receivers(connection, ends)
    await insert_rows(connection, ATTEMPT, [_attempt(owner, end) for end in ends])
    await _write_messages(connection, ends)
    purged = [{"its_id": end.claim.id, "new": end.purge} for end in ends if end.state in ENDED]
    if purged:
        content = update(CONTENT).where(CONTENT.c.delivery == bindparam("its_id"))
        await connection.execute(content.values(purge=bindparam("new")), purged)


async def _write_receivers(connection: AsyncConnection, ends: Sequence[AttemptEnd]) -> None:
    rows = [
        {
            "its_delivery": end.claim.id,
            "its_number": each.number,
            "new_state": each.state,
            "new_failure": each.failure,
            "new_errcode": each.errcode,
            "new_updated": end.ended,
        }
        for end in ends
        for each in end.receivers
    ]
    if rows:
        column = RECIPIENT.c
        row = and_(column.delivery == bindparam("its_delivery"), column.number == bindparam("its_number"))
        names = ("state", "failure", "errcode", "updated")
        await connection.execute(
            update(RECIPIENT).where(row).values({name: bindparam(f"new_{name}") for name in names}), rows
        )


def _attempt(owner: str, end: AttemptEnd) -> dict[str, object]:
    return {
        "delivery": end.claim.id,
        "fence": end.claim.fence,
        "started": end.claim.at,
        "ended": end.ended,
        "worker": owner,
        "accepted": end.accepted,
        "failed": end.failed,
        "unknown": end.unknown,
        "failure": end.failure,
    }


async def _write_messages(connection: AsyncConnection, ends: Sequence[AttemptEnd]) -> None:
    """Keep the ids of messages; a platform tells that of a repetition once more."""
    told = {(msgid, end.claim.id): end.ended for end in ends for msgid in end.msgids}
    if not told:
        return
    column = DELIVERY_MESSAGE.c
    known = select(column.msgid, column.delivery).where(column.delivery.in_({delivery for _, delivery in told}))
    for row in await connection.execute(known):
        told.pop((row.msgid, row.delivery), None)
    rows = [{"msgid": msgid, "delivery": delivery, "sent": sent} for (msgid, delivery), sent in told.items()]
    await insert_rows(connection, DELIVERY_MESSAGE, rows)

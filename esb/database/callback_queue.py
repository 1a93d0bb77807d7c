"""The queue of events: who calls back takes some for a while, and says what became of each.

An event whose taker is gone is taken again once its time is over; so it may come twice, and bears the same id then.
"""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from sqlalchemy import ColumnElement, and_, bindparam, delete, func, insert, or_, select, true, update
from sqlalchemy.ext.asyncio import AsyncConnection

from esb.core.clock import Clock
from esb.core.delivery_states import DeliveryState
from esb.database.deliveries import CALLBACK_EVENT, CALLBACK_OFF
from esb.database.engine import Database
from esb.database.group_commit import GroupCommit
from esb.database.time_of_day import time_of_day
from esb.database.transaction import Transaction
from esb.database.writer import Actor

LEASE_MILLISECONDS = 60_000
"""The time for which a taken event is nobody else's: longer than an attempt, and what it waits for, may take."""
CALLBACKS = Actor("callbacks", "callback")
"""The one who switches a callback off, in the history."""

CallbackKey = tuple[str, str]
"""Code of an app, and name of its callback."""


@dataclass(frozen=True, slots=True)
class TakenEvent:
    """An event that is to be told now. `attempts`: those before; `body`: None if none of the keys opens it.

    `off`: the digest of the address that was switched off, None if its callback was not. Times are milliseconds since
    1970.
    """

    id: str
    delivery: str
    key: CallbackKey
    event: str
    fence: int
    attempts: int
    created: int
    body: bytes | None = field(repr=False)
    off: bytes | None


class FinishedEvent(NamedTuple):
    """The end of an attempt: the state of the event is `state`; queued again, it is due after so many `seconds`."""

    taken: TakenEvent
    state: DeliveryState
    seconds: float = 0.0


class CallbackQueue:
    """The events of a database that wait for their callbacks. `owner` is the process that takes them."""

    def __init__(self, database: Database, clock: Clock, owner: str) -> None:
        self._database = database
        self._clock = clock
        self._owner = owner
        self._finishing: GroupCommit[FinishedEvent, None] = GroupCommit(database, self._finish)

    def address_of(self, url: str) -> bytes:
        """Return the digest by which it is known that this address was switched off."""
        return self._database.keys.digest_of("callback", url)

    async def seconds_until_due(self, busy: Collection[CallbackKey]) -> float | None:
        """Return the seconds until there is something to take, 0 if there is; None if nothing waits. DatabaseAway.

        `busy` are callbacks that get no more for now.
        """
        column = CALLBACK_EVENT.c
        queued = select(func.min(column.due)).where(column.state == DeliveryState.QUEUED, _but(busy))
        taken = select(func.min(column.lease)).where(column.state == DeliveryState.SENDING)
        async with self._database.reading() as connection:
            times = [(await connection.execute(statement)).scalar() for statement in (queued, taken)]
            now = await time_of_day(connection, self._clock)
        return min((max(time - now, 0) / 1000 for time in times if time is not None), default=None)

    async def take(self, most: int, room: Mapping[CallbackKey, int], width: int) -> list[TakenEvent]:
        """Take some of the events that are due, the oldest first. DatabaseAway.

        A callback gets `width` of them at most, or as many as it has `room`, where that is told.
        """
        busy = [key for key, left in room.items() if left <= 0]
        async with self._database.writing() as connection:
            now = await time_of_day(connection, self._clock)
            await self._recover(connection, now)
            column = CALLBACK_EVENT.c
            wanted = (
                select(CALLBACK_EVENT)
                .where(column.state == DeliveryState.QUEUED, column.due <= now, _but(busy))
                .order_by(column.due, column.id)
                .limit(most)
                .with_for_update(skip_locked=True)
            )
            rows, taken = (await connection.execute(wanted)).all(), Counter[CallbackKey]()
            chosen = []
            for row in rows:
                key = row.app, row.callback
                taken[key] += 1
                if taken[key] <= room.get(key, width):
                    chosen.append(row)
            if chosen:
                await connection.execute(
                    update(CALLBACK_EVENT)
                    .where(column.id.in_([row.id for row in chosen]))
                    .values(
                        state=DeliveryState.SENDING,
                        lease=now + LEASE_MILLISECONDS,
                        owner=self._owner,
                        fence=column.fence + 1,
                    )
                )
            off = await self._off(connection, {row.app for row in chosen})
        return [
            TakenEvent(
                row.id,
                row.delivery,
                (row.app, row.callback),
                row.event,
                row.fence + 1,
                row.attempts,
                row.created,
                self._database.keys.unseal_at(f"event/{row.id}", row.body),
                off.get((row.app, row.callback)),
            )
            for row in chosen
        ]

    async def finish(self, finished: FinishedEvent) -> None:
        """Write what became of an event that was taken; nothing if it is another's by now. DatabaseAway."""
        await self._finishing.submit(finished)

    async def switch_off(self, taken: TakenEvent, url: str, reason: str) -> int:
        """Switch a callback off at this address, since its receiver says that it is gone; return how many events end.

        The history tells it. DatabaseAway.
        """
        app, callback = taken.key
        async with self._database.writing() as connection:
            now = await time_of_day(connection, self._clock)
            off = CALLBACK_OFF.c.app == app, CALLBACK_OFF.c.callback == callback
            await connection.execute(delete(CALLBACK_OFF).where(*off))
            row = {"app": app, "callback": callback, "address": self.address_of(url), "since": now, "reason": reason}
            await connection.execute(insert(CALLBACK_OFF).values(row))
            column = CALLBACK_EVENT.c
            waiting = or_(column.state == DeliveryState.QUEUED, column.id == taken.id)
            ended = await connection.execute(
                update(CALLBACK_EVENT)
                .where(column.app == app, column.callback == callback, waiting)
                .values(state=DeliveryState.DEAD, due=now, owner="")
            )
            change = Transaction(connection, self._database.keys, CALLBACKS, now)
            change.record("callback.off", app, {"name": callback}, {"name": callback, "reason": reason})
            await change.finish()
        return ended.rowcount

    async def release(self) -> None:
        """Give back what this process has taken, for others to take at once. DatabaseAway."""
        await self._finishing.close()
        column = CALLBACK_EVENT.c
        own = column.state == DeliveryState.SENDING, column.owner == self._owner
        async with self._database.writing() as connection:
            await connection.execute(update(CALLBACK_EVENT).where(*own).values(state=DeliveryState.QUEUED, owner=""))

    async def _off(self, connection: AsyncConnection, apps: Collection[str]) -> Mapping[CallbackKey, bytes]:
        """Return the callbacks of these apps that are switched off, and at which addresses."""
        found = await connection.execute(select(CALLBACK_OFF).where(CALLBACK_OFF.c.app.in_(apps)))
        return {(row.app, row.callback): row.address for row in found}

    async def _recover(self, connection: AsyncConnection, now: int) -> None:
        """Put back what was taken by somebody who is gone: its time to be told stays, so that it goes first."""
        column = CALLBACK_EVENT.c
        late = column.state == DeliveryState.SENDING, column.lease <= now
        if (await connection.execute(select(column.id).where(*late).limit(1))).first() is not None:
            await connection.execute(update(CALLBACK_EVENT).where(*late).values(state=DeliveryState.QUEUED, owner=""))

    async def _finish(self, connection: AsyncConnection, finished: Sequence[FinishedEvent]) -> Sequence[None]:
        now = await time_of_day(connection, self._clock)
        column = CALLBACK_EVENT.c
        mine = (
            column.id == bindparam("taken"),
            column.state == DeliveryState.SENDING,
            column.owner == self._owner,
            column.fence == bindparam("as_of"),
        )
        changed = {
            "state": bindparam("becomes"),
            "due": bindparam("again"),
            "attempts": bindparam("tried"),
            "owner": "",
        }
        await connection.execute(
            update(CALLBACK_EVENT).where(*mine).values(changed),
            [
                {
                    "taken": each.taken.id,
                    "as_of": each.taken.fence,
                    "becomes": each.state,
                    "again": now + int(each.seconds * 1000),
                    "tried": each.taken.attempts + 1,
                }
                for each in finished
            ],
        )
        return [None] * len(finished)


def _but(busy: Collection[CallbackKey]) -> ColumnElement[bool]:
    """Return the condition that an event is for none of these."""
    column = CALLBACK_EVENT.c
    return and_(true(), *(or_(column.app != app, column.callback != callback) for app, callback in busy))

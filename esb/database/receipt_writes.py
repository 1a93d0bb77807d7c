"""Receipts in the database: a platform's word, some time after it took a message, on whether a receiver has got it."""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from enum import Enum
from typing import Any, NamedTuple

from sqlalchemy import bindparam, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from esb.core.clock import Clock
from esb.core.delivery_states import MISSED, DeliveryState, ReceiverState
from esb.database.callback_events import events_for
from esb.database.deliveries import DELIVERY, DELIVERY_MESSAGE, RECEIVER_DIGEST, RECIPIENT
from esb.database.engine import Database
from esb.database.group_commit import GroupCommit
from esb.database.keys import DatabaseKeys
from esb.database.known_receivers import known_receivers, sealed_receivers
from esb.database.time_of_day import time_of_day

AWAITED = frozenset({ReceiverState.ACCEPTED, ReceiverState.HELD, ReceiverState.UNKNOWN})
"""States of receivers that a receipt changes; in all others it has come before, or something else has."""
UNSETTLED = frozenset({ReceiverState.ACCEPTED, ReceiverState.HELD})
"""Those of receivers of whom a receipt may still come."""
FAILURE = "receiver"
"""The class of failure of a receiver whom the message did not reach, although the platform took it."""


class MessageFate(NamedTuple):
    """The fate of a message at one address, as its platform tells it by a receipt."""

    msgid: str
    address: str
    delivered: bool
    reason: str


class FateResult(Enum):
    """The use of a receipt: it told something new; it had come before; or its message is not there, or not yet."""

    NEW = "new"
    REPEATED = "repeated"
    UNMATCHED = "unmatched"


class RecordedFate(NamedTuple):
    """The use of one receipt; `has_event`: events were written for callbacks, with this one or others beside it."""

    result: FateResult
    has_event: bool


class ReceiptWrites:
    """The writes of receipts, those that come together in one transaction."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock
        self._together: GroupCommit[MessageFate, RecordedFate] = GroupCommit(database, self._record)

    async def record(self, fate: MessageFate) -> RecordedFate:
        """Write what a receipt tells, and return its use once that is durable. DatabaseAway."""
        return await self._together.submit(fate)

    async def close(self) -> None:
        """Wait for what is under way."""
        await self._together.close()

    async def _record(self, connection: AsyncConnection, fates: Sequence[MessageFate]) -> Sequence[RecordedFate]:
        now = await time_of_day(connection, self._clock)
        return await record_fates(connection, self._database.keys, fates, now)


async def record_fates(
    connection: AsyncConnection, keys: DatabaseKeys, fates: Sequence[MessageFate], now: int
) -> Sequence[RecordedFate]:
    """Write what these receipts tell, and return the use of each; `now`: milliseconds since 1970. Part of a writing.

    A delivery that is being sent just now counts as not there yet: the end of its attempt writes the same rows.
    """
    sent = await _messages(connection, {fate.msgid for fate in fates})
    deliveries = await _locked(connection, {delivery for found in sent.values() for delivery in found})
    digests = [keys.digest_of("receiver", fate.address)[:RECEIVER_DIGEST] for fate in fates]
    known = await _recipients(connection, deliveries, digests)
    results, changed = [], {}
    for fate, digest in zip(fates, digests, strict=True):
        matching = [
            (row, at) for delivery, at in sent.get(fate.msgid, {}).items() for row in known.get((delivery, digest), ())
        ]
        news = {
            (row.delivery, row.number): fate
            for row, at in matching
            if row.state in AWAITED and at >= row.updated and (row.delivery, row.number) not in changed
        }
        changed.update(news)
        results.append(FateResult.NEW if news else FateResult.REPEATED if matching else FateResult.UNMATCHED)
    if not changed:
        return [RecordedFate(result, has_event=False) for result in results]
    await _write_receivers(connection, changed, now)
    await _write_reasons(connection, keys, deliveries, changed)
    touched = {delivery: deliveries[delivery] for delivery, _ in changed}
    told = await _write_states(connection, touched)
    has_event = bool(told) and await events_for(connection, keys, told, now) > 0
    return [RecordedFate(result, has_event) for result in results]


async def _messages(connection: AsyncConnection, msgids: Collection[str]) -> Mapping[str, dict[str, int]]:
    """Return msgid -> the deliveries that have sent it, and when."""
    rows = await connection.execute(select(DELIVERY_MESSAGE).where(DELIVERY_MESSAGE.c.msgid.in_(msgids)))
    found: dict[str, dict[str, int]] = defaultdict(dict)
    for row in rows:
        found[row.msgid][row.delivery] = row.sent
    return found


async def _locked(connection: AsyncConnection, ids: Collection[str]) -> Mapping[str, Any]:
    """Return those of these deliveries that nobody is sending, by id; nobody changes them until the end."""
    column = DELIVERY.c
    wanted = column.id.in_(ids), column.state != DeliveryState.SENDING
    columns = column.id, column.state, column.failure, column.receivers
    rows = await connection.execute(select(*columns).where(*wanted).order_by(column.id).with_for_update())
    return {row.id: row for row in rows}


async def _recipients(
    connection: AsyncConnection, deliveries: Collection[str], digests: Collection[bytes]
) -> Mapping[tuple[str, bytes], list[Any]]:
    """Return the receivers of these deliveries by their digests: that of the name, and that of the address."""
    column = RECIPIENT.c
    theirs = or_(column.digest.in_(digests), column.address_digest.in_(digests))
    found: dict[tuple[str, bytes], list[Any]] = defaultdict(list)
    for row in await connection.execute(select(RECIPIENT).where(column.delivery.in_(deliveries), theirs)):
        for digest in {row.digest, row.address_digest} - {None}:
            found[row.delivery, digest].append(row)
    return found


async def _write_receivers(
    connection: AsyncConnection, changed: Mapping[tuple[str, int], MessageFate], now: int
) -> None:
    column = RECIPIENT.c
    row = column.delivery == bindparam("its_delivery"), column.number == bindparam("its_number")
    values = {"state": bindparam("new_state"), "failure": bindparam("new_failure"), "errcode": "", "updated": now}
    await connection.execute(
        update(RECIPIENT).where(*row).values(values),
        [
            {
                "its_delivery": delivery,
                "its_number": number,
                "new_state": ReceiverState.DELIVERED if fate.delivered else ReceiverState.FAILED,
                "new_failure": "" if fate.delivered else FAILURE,
            }
            for (delivery, number), fate in changed.items()
        ],
    )


async def _write_reasons(
    connection: AsyncConnection,
    keys: DatabaseKeys,
    deliveries: Mapping[str, Any],
    changed: Mapping[tuple[str, int], MessageFate],
) -> None:
    """Keep why receivers were not reached, sealed with their names."""
    reasons: dict[str, dict[int, str]] = defaultdict(dict)
    for (delivery, number), fate in changed.items():
        if not fate.delivered:
            reasons[delivery][number] = fate.reason
    for delivery, of_it in reasons.items():
        receivers = known_receivers(keys, delivery, deliveries[delivery].receivers)
        if receivers is None:
            continue
        for number, reason in of_it.items():
            receivers[number] = receivers[number]._replace(errmsg=reason)
        sealed = sealed_receivers(keys, delivery, receivers)
        await connection.execute(update(DELIVERY).where(DELIVERY.c.id == delivery).values(receivers=sealed))


async def _write_states(connection: AsyncConnection, deliveries: Mapping[str, Any]) -> list[str]:
    """Write what the deliveries are by now; return those of which there is something to tell.

    That is so where one becomes another, and where no receiver is left of whom more may come.
    """
    column = RECIPIENT.c
    of_all = select(column.delivery, column.state).where(column.delivery.in_(deliveries)).distinct()
    states: dict[str, set[int]] = defaultdict(set)
    for delivery, state in await connection.execute(of_all):
        states[delivery].add(state)
    told = []
    for identity, row in deliveries.items():
        if row.state not in {DeliveryState.DONE, DeliveryState.DEAD}:
            continue  # an attempt is still to come, or it was cancelled: its receivers tell
        missed = not MISSED.isdisjoint(states[identity])
        state = DeliveryState.DEAD if missed else DeliveryState.DONE
        if state != row.state:
            failure = (row.failure or FAILURE) if missed else ""
            await connection.execute(
                update(DELIVERY).where(DELIVERY.c.id == identity).values(state=state, failure=failure)
            )
        if state != row.state or UNSETTLED.isdisjoint(states[identity]):
            told.append(identity)
    return told

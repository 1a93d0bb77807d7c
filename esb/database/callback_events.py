"""Events of deliveries, for the callbacks that their calls have named: written in the transaction that they tell of."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from esb.core.delivery_states import ENDED, DeliveryState
from esb.core.uuid7 import uuid7
from esb.database.bulk_insert import insert_rows
from esb.database.deliveries import CALLBACK_EVENT, DELIVERY, DELIVERY_MESSAGE, RECIPIENT
from esb.database.delivery_answer import LISTED
from esb.database.event_bodies import EventDelivery, body_of
from esb.database.keys import DatabaseKeys
from esb.database.known_receivers import known_receivers


async def events_for(connection: AsyncConnection, keys: DatabaseKeys, deliveries: Sequence[str], now: int) -> int:
    """Write an event for each of these deliveries that has ended and names a callback; return how many.

    It is the last step of the transaction that ends them: what they are, and their receivers, is read from there.
    `now`: milliseconds since 1970. If any were written, wake whoever calls back once it is committed.
    """
    ended = await _ended(connection, keys, deliveries)
    await insert_rows(connection, CALLBACK_EVENT, [_row(keys, delivery, now) for delivery in ended])
    return len(ended)


async def _ended(connection: AsyncConnection, keys: DatabaseKeys, deliveries: Sequence[str]) -> Sequence[EventDelivery]:
    column = DELIVERY.c
    wanted = column.id.in_(deliveries), column.callback != "", column.state.in_(ENDED)
    rows = (await connection.execute(select(*LISTED, column.receivers).where(*wanted).order_by(column.id))).all()
    if not rows:
        return ()
    found = [row.id for row in rows]
    receivers, msgids = await _receivers(connection, found), await _msgids(connection, found)
    return [
        EventDelivery(row, known_receivers(keys, row.id, row.receivers) or (), receivers[row.id], msgids[row.id])
        for row in rows
    ]


async def _receivers(connection: AsyncConnection, deliveries: Sequence[str]) -> Mapping[str, Sequence[Any]]:
    column = RECIPIENT.c
    columns = column.delivery, column.number, column.state, column.failure, column.errcode
    statement = select(*columns).where(column.delivery.in_(deliveries)).order_by(column.delivery, column.number)
    found: dict[str, list[Any]] = defaultdict(list)
    for row in await connection.execute(statement):
        found[row.delivery].append(row)
    return found


async def _msgids(connection: AsyncConnection, deliveries: Sequence[str]) -> Mapping[str, Sequence[str]]:
    column = DELIVERY_MESSAGE.c
    statement = (
        select(column.delivery, column.msgid)
        .where(column.delivery.in_(deliveries))
        .order_by(column.delivery, column.sent, column.msgid)
    )
    found: dict[str, list[str]] = defaultdict(list)
    for row in await connection.execute(statement):
        found[row.delivery].append(row.msgid)
    return found


def _row(keys: DatabaseKeys, delivery: EventDelivery, now: int) -> dict[str, Any]:
    identity = uuid7(now)
    return {
        "id": identity,
        "delivery": delivery.row.id,
        "app": delivery.row.app,
        "callback": delivery.row.callback,
        "event": delivery.event,
        "state": DeliveryState.QUEUED,
        "due": now,
        "lease": 0,
        "owner": "",
        "fence": 0,
        "attempts": 0,
        "created": now,
        "body": keys.seal_at(f"event/{identity}", body_of(delivery, now)),
    }

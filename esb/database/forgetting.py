"""The forgetting of a person: no delivery knows any more that a message was for this receiver."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import delete, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from esb.core.delivery_states import ENDED
from esb.database.deliveries import CALLBACK_EVENT, CONTENT, DELIVERY, RECEIVER_DIGEST, RECIPIENT
from esb.database.keys import LOST, DatabaseKeys
from esb.database.known_receivers import known_receivers, sealed_receivers
from esb.database.schema import DatabaseMismatch

AT_ONCE = 100
"""Deliveries of one transaction."""


@dataclass(frozen=True, slots=True)
class Forgotten:
    """A step of forgetting: how many deliveries have forgotten, and how many cannot, since they are still to be sent.

    `last` is the id to go on behind, "" at the end.
    """

    ended: int
    waiting: int
    last: str


async def forget_receiver(connection: AsyncConnection, keys: DatabaseKeys, receiver: str, last: str) -> Forgotten:
    """Let deliveries behind `last` forget a receiver, by name or address. Part of a writing.

    With it go the content of the message, and the events for callbacks, which may name it. DatabaseMismatch if none of
    the keys decrypts a delivery.
    """
    digest = keys.digest_of("receiver", receiver)[:RECEIVER_DIGEST]
    found: set[str] = set()
    for column in (RECIPIENT.c.digest, RECIPIENT.c.address_digest):
        statement = select(RECIPIENT.c.delivery).where(column == digest, RECIPIENT.c.delivery > last)
        several = statement.distinct().order_by(RECIPIENT.c.delivery).limit(AT_ONCE)
        found.update((await connection.execute(several)).scalars())
    step = sorted(found)[:AT_ONCE]
    deliveries = select(DELIVERY.c.id, DELIVERY.c.state, DELIVERY.c.receivers).where(DELIVERY.c.id.in_(step))
    rows = (await connection.execute(deliveries.order_by(DELIVERY.c.id).with_for_update())).all()
    ended = {row.id: row.receivers for row in rows if row.state in ENDED}
    if ended:
        await _forget(connection, keys, ended, digest)
    return Forgotten(len(ended), len(rows) - len(ended), step[-1] if len(found) >= AT_ONCE else "")


async def _forget(connection: AsyncConnection, keys: DatabaseKeys, sealed: Mapping[str, bytes], digest: bytes) -> None:
    ids = [*sealed]
    is_it = or_(RECIPIENT.c.digest == digest, RECIPIENT.c.address_digest == digest)
    meant = select(RECIPIENT.c.delivery, RECIPIENT.c.number).where(RECIPIENT.c.delivery.in_(ids), is_it)
    numbers: dict[str, list[int]] = {}
    for row in await connection.execute(meant):
        numbers.setdefault(row.delivery, []).append(row.number)
    for identity, of_its in numbers.items():
        blob = _without(keys, identity, sealed[identity], of_its)
        await connection.execute(update(DELIVERY).where(DELIVERY.c.id == identity).values(receivers=blob, lane=None))
    nobodys = {"digest": None, "address_digest": None}
    await connection.execute(update(RECIPIENT).where(RECIPIENT.c.delivery.in_(ids), is_it).values(nobodys))
    for table in (CONTENT, CALLBACK_EVENT):
        await connection.execute(delete(table).where(table.c.delivery.in_(ids)))


def _without(keys: DatabaseKeys, identity: str, sealed: bytes, numbers: Sequence[int]) -> bytes:
    """Return the sealed receivers of a delivery without what is known of these."""
    known = known_receivers(keys, identity, sealed)
    if known is None:
        raise DatabaseMismatch(LOST)
    for number in numbers:
        known[number] = known[number]._replace(name="", address="", errmsg="")
    return sealed_receivers(keys, identity, known)

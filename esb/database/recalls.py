"""Messages that are taken back: which ones a delivery has sent, and that the platform has taken them back."""

from collections.abc import Collection, Sequence
from typing import NamedTuple

from sqlalchemy import and_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from esb.core.delivery_states import REACHED, ReceiverState
from esb.database.deliveries import DELIVERY, DELIVERY_MESSAGE, RECIPIENT, TEST_ENVIRONMENT


class SentMessage(NamedTuple):
    """A message that a platform knows by this id, and when it was sent, in milliseconds since 1970."""

    msgid: str
    sent: int


async def messages_left(connection: AsyncConnection, identity: str) -> Sequence[SentMessage]:
    """Return the messages of a delivery that nobody has taken back, in the order of their sending."""
    column = DELIVERY_MESSAGE.c
    left = and_(column.delivery == identity, column.recalled.is_(None))
    rows = await connection.execute(select(column.msgid, column.sent).where(left).order_by(column.sent, column.msgid))
    return [SentMessage(row.msgid, row.sent) for row in rows]


async def is_of_test_environment(connection: AsyncConnection, identity: str) -> bool:
    """Return True if this delivery is sent by the test environment of its component."""
    found = await connection.scalar(select(DELIVERY.c.credential).where(DELIVERY.c.id == identity))
    return TEST_ENVIRONMENT in (found or "").split("/")


async def note_recalled(connection: AsyncConnection, identity: str, msgids: Collection[str], now: int) -> None:
    """Write that these messages of a delivery were taken back; after the last, its receivers are recalled.

    Part of a writing. A message may be for some of the receivers only, and nobody knows for whom.
    """
    held = select(DELIVERY.c.id).where(DELIVERY.c.id == identity).with_for_update()
    await connection.execute(held)  # two who take back messages of one delivery see each other's
    column = DELIVERY_MESSAGE.c
    taken = and_(column.delivery == identity, column.msgid.in_(sorted(msgids)))
    await connection.execute(update(DELIVERY_MESSAGE).where(taken).values(recalled=now))
    if not await messages_left(connection, identity):
        reached = and_(RECIPIENT.c.delivery == identity, RECIPIENT.c.state.in_([*REACHED]))
        values = {"state": ReceiverState.RECALLED, "updated": now}
        await connection.execute(update(RECIPIENT).where(reached).values(values))

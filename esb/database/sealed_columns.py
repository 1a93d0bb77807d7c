"""The columns of deliveries and kept keys that are sealed, and the new encryption of what stands in them."""

from collections.abc import Callable
from typing import Any, NamedTuple

from sqlalchemy import Column, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from esb.database.deliveries import CALLBACK_EVENT, CONTENT, DELIVERY, KEPT_KEY
from esb.database.keys import DatabaseKeys


class SealedColumn(NamedTuple):
    """A column whose values are sealed, each for the place that `place` makes of its row's key."""

    key: Column[Any]
    sealed: Column[Any]
    place: Callable[[Any], str]


SEALED = (
    SealedColumn(DELIVERY.c.id, DELIVERY.c.receivers, "receivers/{}".format),
    SealedColumn(CONTENT.c.delivery, CONTENT.c.sealed, "content/{}".format),
    SealedColumn(CALLBACK_EVENT.c.id, CALLBACK_EVENT.c.body, "event/{}".format),
    SealedColumn(KEPT_KEY.c.key, KEPT_KEY.c.answer, lambda key: f"answer/{key.hex()}"),
)


async def reseal(
    connection: AsyncConnection, keys: DatabaseKeys, column: SealedColumn, last: Any, most: int
) -> tuple[int, Any]:
    """Encrypt some values anew, with the first key, of rows behind the key `last`, None for all. Part of a writing.

    Return how many were not, and the last key looked at, None if there was none. What somebody else writes meanwhile
    stays as it is. DatabaseMismatch if none of the keys decrypts one.
    """
    key, sealed, place = column
    wanted = select(key, sealed).where(sealed.is_not(None)).order_by(key).limit(most)
    rows = (await connection.execute(wanted if last is None else wanted.where(key > last))).all()
    number = 0
    for identity, before in rows:
        again = keys.resealed_at(place(identity), before)
        if again is not None:
            number += 1
            await connection.execute(
                update(key.table).where(key == identity, sealed == before).values({sealed.name: again})
            )
    return number, rows[-1][0] if rows else None

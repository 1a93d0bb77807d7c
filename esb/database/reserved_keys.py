"""Idempotency keys of calls that are sent later: until their deliveries are committed, no call at once claims them.

A call at once claims its key, and then looks for a delivery under it; one that is sent later looks for a claim, and
then writes its delivery. Both could look too early, and both would send: so the second one looks and writes in one
transaction, for the end of which a claim waits.
"""

from collections.abc import Collection, Mapping
from typing import Any

from sqlalchemy import BindParameter, Executable, bindparam, delete, select, text
from sqlalchemy.ext.asyncio import AsyncConnection

from esb.database.deliveries import KEPT_KEY
from esb.database.insertions import insert_or_lock

_RESERVED = "reserved"
"""The version of rows that nobody but their own transaction ever sees; those of claims are drawn."""
_KEYS: BindParameter[Any] = bindparam("keys", expanding=True)
_DELETIONS: Mapping[str, Executable] = {
    "postgresql": delete(KEPT_KEY).where(KEPT_KEY.c.key.in_(_KEYS), KEPT_KEY.c.version == _RESERVED),
    # Of a small table MariaDB would read each row, and so wait for whoever has one of the others.
    "mysql": text(
        f"DELETE kept_key FROM kept_key FORCE INDEX (PRIMARY) WHERE `key` IN :keys AND version = '{_RESERVED}'"
    ).bindparams(_KEYS),
}


async def reserve(connection: AsyncConnection, keys: Collection[bytes], now: int) -> Collection[bytes]:
    """Reserve these keys until the transaction ends. Return those that are claimed or answered: they are not ours.

    It leaves nothing behind: a row that is inserted and deleted again keeps others out until the transaction ends.
    """
    if not keys:
        return ()
    dialect, ordered = connection.dialect.name, sorted(keys)
    deletion = _DELETIONS.get(dialect)
    if deletion is not None:  # SQLite has one writer at a time
        # In the order of keys, so that two processes do not wait for each other.
        unseen = {"app": "", "content": "", "version": _RESERVED, "lease": 0, "expires": 0}
        insertion = insert_or_lock(KEPT_KEY, KEPT_KEY.c.key, dialect)
        await connection.execute(insertion, [{"key": key, **unseen} for key in ordered])
        if (await connection.execute(deletion, {"keys": ordered})).rowcount == len(ordered):
            return ()
    live = select(KEPT_KEY.c.key).where(KEPT_KEY.c.key.in_(_KEYS), KEPT_KEY.c.expires > now)
    return {bytes(row.key) for row in await connection.execute(live, {"keys": ordered})}

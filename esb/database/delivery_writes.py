"""Writes of new deliveries: those of many callers in one transaction, each key once."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import func, literal_column, select
from sqlalchemy.ext.asyncio import AsyncConnection

from esb.core.clock import Clock
from esb.core.delivery_states import NOT_ENDED, DeliveryState
from esb.database.accepted import is_storable
from esb.database.apps import LONGEST_CODE, LONGEST_NAME, LONGEST_PATTERN
from esb.database.bulk_insert import insert_rows
from esb.database.deliveries import CONTENT, DELIVERY, RECIPIENT
from esb.database.engine import Database
from esb.database.group_commit import GroupCommit
from esb.database.insertions import insert_unless_there
from esb.database.reserved_keys import reserve
from esb.database.time_of_day import time_of_day

_NO_TEXT: Any = literal_column("''")
_NAMES = ("id", "content_digest", "state", "due", "expires", "created")
_FOUND = [DELIVERY.c[name] for name in ("idem", *_NAMES)]


@dataclass(frozen=True, slots=True)
class NewRecipient:
    """A receiver of a new delivery, as the database knows it: its digests, state and class of failure."""

    digest: bytes | None
    address_digest: bytes | None
    state: int
    failure: str


@dataclass(frozen=True, slots=True)
class NewDelivery:
    """A delivery to be written. `idem` is the digest of its key, None without one.

    `kept`: the digest under which the same key is kept for calls that are made at once.
    `due` and `expires`: milliseconds since 1970; or, if true stands beside them, after the writing and after `due`.
    """

    id: str
    app: str
    username: str
    component: str
    request_id: str
    idem: bytes | None
    kept: bytes | None
    content_digest: bytes | None
    priority: int
    due: tuple[int, bool]
    expires: tuple[int, bool]
    credential: str
    lane: bytes | None
    callback: str
    recipients: Sequence[NewRecipient]
    receivers: bytes = field(repr=False)
    content: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Accepted:
    """A delivery that the database holds. `is_new`: it was written just now, and not found by its key."""

    id: str
    content_digest: bytes | None
    state: int
    due: int
    expires: int
    created: int
    is_new: bool


class DeliveryWrites:
    """Writes new deliveries, and finds those that are there."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock
        self._group: GroupCommit[NewDelivery, Accepted | None] = GroupCommit(database, self._write)

    async def accept(self, delivery: NewDelivery) -> Accepted | None:
        """Write a delivery, or find the one of the same key; it is durable then. DatabaseAway.

        None, and nothing is written: the key is that of a call that is made at once, or was.
        """
        return await self._group.submit(delivery)

    async def found(self, idem: bytes) -> Accepted | None:
        """Return the delivery of this key; None if there is none. DatabaseAway."""
        async with self._database.reading() as connection:
            return (await _by_key(connection, [idem])).get(idem)

    async def waiting(self) -> dict[str, int]:
        """Return how many deliveries wait, by app. DatabaseAway."""
        app = DELIVERY.c.app.concat(_NO_TEXT)  # else SQLite may go along the index of apps, and so through all rows
        asked = select(app, func.count()).where(DELIVERY.c.state.in_([*NOT_ENDED])).group_by(app)
        async with self._database.reading() as connection:
            return {row[0]: row[1] for row in await connection.execute(asked)}

    async def close(self) -> None:
        """Wait for what is being written."""
        await self._group.close()

    async def _write(self, connection: AsyncConnection, deliveries: Sequence[NewDelivery]) -> Sequence[Accepted | None]:
        now = await time_of_day(connection, self._clock)
        rows = {delivery.id: _row(delivery, now) for delivery in deliveries}
        taken = await reserve(connection, {each.kept for each in deliveries if each.kept is not None}, now)
        found = await self._found_by_key(connection, deliveries, rows, taken)
        written = [delivery for delivery in deliveries if _is_new(delivery, found)]
        plain = [rows[delivery.id] for delivery in written if delivery.idem is None]
        recipients = [row for delivery in written for row in _recipients(delivery, now)]
        contents = [{"delivery": each.id, "sealed": each.content, "purge": 0} for each in written]
        await insert_rows(connection, DELIVERY, plain)
        await insert_rows(connection, RECIPIENT, recipients)
        await insert_rows(connection, CONTENT, contents)
        return [_accepted(delivery, rows[delivery.id], found) for delivery in deliveries]

    async def _found_by_key(
        self,
        connection: AsyncConnection,
        deliveries: Sequence[NewDelivery],
        rows: dict[str, dict[str, Any]],
        taken: Collection[bytes],
    ) -> dict[bytes, Accepted]:
        """Write those with a key, unless it is there or `taken`, and return the delivery of each key."""
        idems: set[bytes] = set()
        firsts: dict[bytes, dict[str, Any]] = {}
        for delivery in deliveries:
            if delivery.idem is not None:
                idems.add(delivery.idem)
                if delivery.kept not in taken:
                    firsts.setdefault(delivery.idem, rows[delivery.id])
        if not idems:
            return {}
        if firsts:
            # In the order of keys, so that two processes do not wait for each other.
            insertion = insert_unless_there(DELIVERY, DELIVERY.c.idem, connection.dialect.name)
            await connection.execute(insertion, [firsts[idem] for idem in sorted(firsts)])
        return await _by_key(connection, idems)


def _is_new(delivery: NewDelivery, found: dict[bytes, Accepted]) -> bool:
    if delivery.idem is None:
        return True
    there = found.get(delivery.idem)
    return there is not None and there.id == delivery.id


def _accepted(delivery: NewDelivery, row: dict[str, Any], found: dict[bytes, Accepted]) -> Accepted | None:
    if delivery.idem is not None and not _is_new(delivery, found):
        return found.get(delivery.idem)
    return Accepted(**{name: row[name] for name in _NAMES}, is_new=True)


def _row(delivery: NewDelivery, now: int) -> dict[str, Any]:
    due, is_due_after = delivery.due
    due = now + due if is_due_after else max(due, now)
    expires, is_after_due = delivery.expires
    return {
        "id": delivery.id,
        "app": _stored(delivery.app, LONGEST_CODE),
        "username": _stored(delivery.username, LONGEST_NAME),
        "component": _stored(delivery.component, LONGEST_PATTERN),
        "request_id": delivery.request_id,
        "synchronous": 0,
        "idem": delivery.idem,
        "content_digest": delivery.content_digest,
        "state": int(DeliveryState.QUEUED),
        "priority": delivery.priority,
        "due": due,
        "lease": 0,
        "owner": "",
        "fence": 0,
        "started": 0,
        "redrives": 0,
        "attempts": 0,
        "created": now,
        "expires": due + expires if is_after_due else expires,
        "failure": "",
        "credential": delivery.credential,
        "lane": delivery.lane,
        "callback": delivery.callback,
        "receivers": delivery.receivers,
    }


def _stored(text: str, length: int) -> str:
    """Return a text as the database takes it: one that does not fit would keep those of others from being written."""
    return text[:length] if is_storable(text) else text.encode("utf-8", "replace").decode().replace("\0", "?")[:length]


def _recipients(delivery: NewDelivery, now: int) -> list[dict[str, Any]]:
    return [
        {
            "delivery": delivery.id,
            "number": number,
            "digest": recipient.digest,
            "address_digest": recipient.address_digest,
            "state": recipient.state,
            "failure": recipient.failure,
            "errcode": "",
            "updated": now,
        }
        for number, recipient in enumerate(delivery.recipients)
    ]


async def _by_key(connection: AsyncConnection, idems: Collection[bytes]) -> dict[bytes, Accepted]:
    rows = await connection.execute(select(*_FOUND).where(DELIVERY.c.idem.in_(idems)))
    return {row.idem: Accepted(is_new=False, **{name: getattr(row, name) for name in _NAMES}) for row in rows}

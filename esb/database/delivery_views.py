"""Deliveries as those read them who ask what became of a message: page by page, or one with all its receivers.

Each question is answered from an index, and a page goes on where the one before it ended, so that the last one costs as
much as the first.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Row, Select, and_, or_, select
from sqlalchemy.ext.asyncio import AsyncConnection

from esb.core.delivery_states import DeliveryState
from esb.database.accepted import can_be_found
from esb.database.deliveries import (
    ATTEMPT,
    CALLBACK_EVENT,
    DELIVERY,
    DELIVERY_MESSAGE,
    PRIORITIES,
    RECEIVER_DIGEST,
    RECIPIENT,
)
from esb.database.delivery_answer import LISTED, View, fates_of, view_of
from esb.database.keys import LOST, DatabaseKeys
from esb.database.known_receivers import known_receivers
from esb.database.schema import DatabaseMismatch
from esb.database.transaction import moment


@dataclass(frozen=True, slots=True)
class Wanted:
    """The deliveries that are looked for: all that is given has to fit, None is not asked.

    `receiver`: a name as the caller gave it, or an address; `failure`: a class; `since` and `until`: of acceptance, in
    milliseconds since 1970; `cursor`: where the page before this one ended.
    """

    app: str | None = None
    component: str | None = None
    state: DeliveryState | None = None
    failure: str | None = None
    receiver: str | None = None
    request_id: str | None = None
    msgid: str | None = None
    since: int | None = None
    until: int | None = None
    cursor: str | None = None
    most: int = 50


@dataclass(frozen=True, slots=True)
class Page:
    """Deliveries, the newest first, or of a state alone the latest due; and the cursor of the next page, None: none."""

    deliveries: list[View]
    cursor: str | None


class BadCursor(ValueError):
    """A cursor that no page has given."""


class DeliveryViews:
    """The deliveries that a transaction sees."""

    def __init__(self, connection: AsyncConnection, keys: DatabaseKeys) -> None:
        self._connection = connection
        self._keys = keys

    async def page(self, wanted: Wanted) -> Page:
        """Return a page of what is wanted. BadCursor."""
        by_due = wanted.state is not None and not _narrowed(wanted)
        asked = (wanted.app, wanted.component, wanted.failure, wanted.receiver, wanted.request_id, wanted.msgid)
        if not all(can_be_found(text) for text in asked if text is not None):
            return Page([], None)
        found: dict[str, Row[Any]] = {}
        for statement in self._statements(wanted, by_due=by_due):
            rows = await self._connection.execute(statement.limit(wanted.most + 1))
            found.update({row.id: row for row in rows})
        ordered = sorted(found.values(), key=_by_due if by_due else _by_id, reverse=True)
        page = ordered[: wanted.most]
        more = len(ordered) > wanted.most
        return Page([view_of(row) for row in page], _cursor(page[-1], by_due=by_due) if more else None)

    async def delivery(self, identity: str, app: str | None = None) -> View | None:
        """Return a delivery with the fate of each receiver, None if there is none; of this app only, if one is given.

        DatabaseMismatch if none of the keys decrypts it.
        """
        is_it = DELIVERY.c.id == identity if app is None else and_(DELIVERY.c.id == identity, DELIVERY.c.app == app)
        if not can_be_found(identity):
            return None
        found = await self._connection.execute(select(*[*LISTED, DELIVERY.c.receivers]).where(is_it))
        row = found.first()
        if row is None:
            return None
        known = known_receivers(self._keys, identity, row.receivers)
        if known is None:
            raise DatabaseMismatch(LOST)
        of_it = RECIPIENT.c.delivery == identity
        fates = await self._connection.execute(select(RECIPIENT).where(of_it).order_by(RECIPIENT.c.number))
        messages = await self._connection.execute(
            select(DELIVERY_MESSAGE.c.msgid)
            .where(DELIVERY_MESSAGE.c.delivery == identity)
            .order_by(DELIVERY_MESSAGE.c.sent, DELIVERY_MESSAGE.c.msgid)
        )
        view = {"delivery": view_of(row), **fates_of(row.component, known, fates.all())}
        return {**view, "msgids": [*messages.scalars()]} | ({"class": row.failure} if row.failure else {})

    async def attempts(self, identity: str) -> list[View]:
        """Return the attempts of a delivery that have ended, in their order."""
        rows = await self._connection.execute(
            select(ATTEMPT).where(ATTEMPT.c.delivery == identity).order_by(ATTEMPT.c.fence)
        )
        return [
            {
                "started": moment(row.started),
                "ended": moment(row.ended),
                "worker": row.worker,
                "accepted": row.accepted,
                "failed": row.failed,
                "unknown": row.unknown,
                "class": row.failure or None,
            }
            for row in rows
        ]

    async def callbacks(self, identity: str) -> list[View]:
        """Return the events of a delivery that its app is told, or was, in their order."""
        column = CALLBACK_EVENT.c
        columns = column.event, column.callback, column.state, column.attempts, column.due, column.created
        rows = await self._connection.execute(
            select(*columns).where(column.delivery == identity).order_by(column.created, column.id)
        )
        return [
            {
                "type": row.event,
                "callback": row.callback,
                "state": DeliveryState(row.state).word,
                "attempts": row.attempts,
                "due": moment(row.due) if row.state == DeliveryState.QUEUED else None,
                "created": moment(row.created),
            }
            for row in rows
        ]

    def _statements(self, wanted: Wanted, *, by_due: bool) -> Iterable[Select[Any]]:
        """Yield the statements that find it, each from one index; together they may find more than a page."""
        base = select(*LISTED).where(*_conditions(wanted, by_due=by_due))
        if wanted.receiver is not None:
            digest = self._keys.digest_of("receiver", wanted.receiver)[:RECEIVER_DIGEST]
            joined = base.join(RECIPIENT, RECIPIENT.c.delivery == DELIVERY.c.id)
            for column in (RECIPIENT.c.digest, RECIPIENT.c.address_digest):
                yield joined.where(column == digest).order_by(RECIPIENT.c.delivery.desc())
        elif wanted.msgid is not None:
            joined = base.join(DELIVERY_MESSAGE, DELIVERY_MESSAGE.c.delivery == DELIVERY.c.id)
            yield joined.where(DELIVERY_MESSAGE.c.msgid == wanted.msgid).order_by(DELIVERY.c.id.desc())
        elif by_due:
            for priority in PRIORITIES:  # the index has the priority between state and due
                of_it = base.where(DELIVERY.c.priority == priority)
                yield of_it.order_by(DELIVERY.c.due.desc(), DELIVERY.c.id.desc())
        elif wanted.app is not None and wanted.state is None:
            for state in DeliveryState:  # likewise between app and id
                yield base.where(DELIVERY.c.state == state).order_by(DELIVERY.c.id.desc())
        else:
            yield base.order_by(DELIVERY.c.id.desc())


def _narrowed(wanted: Wanted) -> bool:
    """Return True if something is asked besides state, class and time, by which few enough are found."""
    asked = (wanted.app, wanted.component, wanted.receiver, wanted.request_id, wanted.msgid)
    return any(each is not None for each in asked)


def _conditions(wanted: Wanted, *, by_due: bool) -> Iterable[ColumnElement[bool]]:
    columns = {"app": DELIVERY.c.app, "component": DELIVERY.c.component, "state": DELIVERY.c.state}
    columns |= {"failure": DELIVERY.c.failure, "request_id": DELIVERY.c.request_id}
    for name, column in columns.items():
        if (value := getattr(wanted, name)) is not None:
            yield column == value
    if wanted.since is not None:
        yield DELIVERY.c.id >= _beginning(wanted.since)
    if wanted.until is not None:
        yield DELIVERY.c.id < _beginning(wanted.until)
    if wanted.cursor is not None:
        yield _behind(wanted.cursor, by_due=by_due)


def _behind(cursor: str, *, by_due: bool) -> ColumnElement[bool]:
    due, dash, identity = cursor.rpartition("-")
    if not _is_id(identity) or bool(dash) != by_due or not due.isascii() or (dash and not due.isdigit()):
        raise BadCursor(cursor)
    if not by_due:
        return DELIVERY.c.id < identity
    return or_(DELIVERY.c.due < int(due), and_(DELIVERY.c.due == int(due), DELIVERY.c.id < identity))


def _cursor(row: Row[Any], *, by_due: bool) -> str:
    return f"{row.due}-{row.id}" if by_due else str(row.id)


def _is_id(text: str) -> bool:
    return len(text) == 32 and all(digit in "0123456789abcdef" for digit in text)


def _beginning(milliseconds: int) -> str:
    """Return the beginning of all ids from this moment on: it sorts before them, and behind those before."""
    return f"{max(milliseconds, 0):012x}"


def _by_id(row: Row[Any]) -> Any:
    return row.id


def _by_due(row: Row[Any]) -> Any:
    return row.due, row.id

"""Holds: credentials that do not work, and components that somebody has stopped; their deliveries wait.

A delivery of a held credential becomes held when it is due, and waits again once its hold is gone: the table of holds
alone says what is held, so nothing has to be done at once for a hundred thousand deliveries.
"""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from sqlalchemy import ColumnElement, and_, delete, insert, not_, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from esb.core.delivery_states import DeliveryState
from esb.database.deliveries import CREDENTIAL_HOLD, DELIVERY, PRIORITIES

AT_ONCE = 500
"""Deliveries that one transaction holds or lets go."""
PROBE = 300_000
"""Milliseconds after which one delivery of a credential that did not work tries it again."""


NO_COMPONENT = "no such component"
"""The reason of a hold of a component that esb.yaml has no more: it may come back."""


class Hold(NamedTuple):
    """A hold of a credential, or (`is_whole`) of all that a component sends. `probe`: when one may try; None: never."""

    credential: str
    probe: int | None
    is_whole: bool

    def is_to_be_tried(self, now: int) -> bool:
        """Return True if it is time to try whether it is still needed."""
        return self.probe is not None and self.probe <= now

    @property
    def held(self) -> ColumnElement[bool]:
        """The condition that a delivery is held by it."""
        column = DELIVERY.c
        same = column.credential == self.credential
        if not self.is_whole:
            return same
        below = column.credential.startswith(f"{self.credential}/", autoescape=True)
        return or_(same, column.component == self.credential, below)


class TheirHold(NamedTuple):
    """A hold as it is told: since when (milliseconds since 1970), by whom ("": the gateway itself), and why."""

    credential: str
    since: int
    actor: str
    reason: str


async def oldest_holds(connection: AsyncConnection, most: int) -> list[TheirHold]:
    """Return holds, the oldest first."""
    column = CREDENTIAL_HOLD.c
    statement = select(column.credential, column.since, column.actor, column.reason).order_by(column.since).limit(most)
    return [TheirHold(*row) for row in await connection.execute(statement)]


async def holds(connection: AsyncConnection) -> list[Hold]:
    """Return all holds: hardly ever is there any."""
    column = CREDENTIAL_HOLD.c
    rows = await connection.execute(select(column.credential, column.probe, column.reason))
    return [Hold(row.credential, row.probe, row.probe is None or row.reason == NO_COMPONENT) for row in rows]


async def hold(
    connection: AsyncConnection, credential: str, now: int, reason: str, *, actor: str = "", probe: int | None = None
) -> bool:
    """Hold a credential until `probe`, or a component until it is released; return True if it was not yet held.

    The gateway's own hold (it has no `actor`) changes none that is there; somebody's replaces it. Part of a writing.
    """
    row = CREDENTIAL_HOLD.c.credential == credential
    values = {"since": now, "probe": probe, "actor": actor, "reason": reason}
    found = (await connection.execute(select(CREDENTIAL_HOLD.c.actor).where(row).with_for_update())).one_or_none()
    if found is None:
        await connection.execute(insert(CREDENTIAL_HOLD).values(credential=credential, **values))
    elif actor:
        await connection.execute(update(CREDENTIAL_HOLD).where(row).values(**values))
    return found is None


async def release(connection: AsyncConnection, credential: str, *, probed: bool = False) -> bool:
    """End a hold; return True if there was one. `probed`: only one that the gateway itself made. Part of a writing.

    Its deliveries wait again within seconds: see `let_go`.
    """
    row = CREDENTIAL_HOLD.c.credential == credential
    which = and_(row, CREDENTIAL_HOLD.c.probe.is_not(None)) if probed else row
    return bool((await connection.execute(delete(CREDENTIAL_HOLD).where(which))).rowcount)


async def probe_soon(connection: AsyncConnection, now: int) -> None:
    """Let every credential that does not work be tried at once: its configuration may be another. Part of a writing."""
    probe = CREDENTIAL_HOLD.c.probe
    await connection.execute(update(CREDENTIAL_HOLD).where(probe > now).values(probe=now))


async def begin_probe(connection: AsyncConnection, held: Hold, now: int) -> bool:
    """Let one delivery try whether a hold is still needed, whose time it is; return False if another one tries.

    Part of a writing.
    """
    column = CREDENTIAL_HOLD.c
    mine = and_(column.credential == held.credential, column.probe <= now)
    done = await connection.execute(update(CREDENTIAL_HOLD).where(mine).values(probe=now + PROBE))
    return bool(done.rowcount)


def held_by(held: Sequence[Hold]) -> ColumnElement[bool]:
    """Return the condition that one of these, which are all that there are, holds a delivery.

    It names those of components only: apps with secrets of their own may cause more others than a statement takes.
    """
    named = DELIVERY.c.credential.in_(select(CREDENTIAL_HOLD.c.credential))
    return or_(named, *(each.held for each in held if each.is_whole))


def is_due(states: Iterable[DeliveryState], now: int) -> ColumnElement[bool]:
    """Return the condition that a delivery of one of these states is due, however many are scheduled for later.

    It names the priorities, which the index has between state and due.
    """
    column = DELIVERY.c
    return and_(column.state.in_([*states]), column.priority.in_([*PRIORITIES]), column.due <= now)


async def set_aside(connection: AsyncConnection, now: int, held: Sequence[Hold]) -> None:
    """Hold deliveries that are due and whose credential is held, AT_ONCE of them. Part of a writing."""
    column = DELIVERY.c
    which = and_(is_due((DeliveryState.QUEUED,), now), column.expires > now, held_by(held))
    await _turn(connection, which, DeliveryState.HELD)


async def let_go(connection: AsyncConnection, now: int) -> bool:
    """Let deliveries wait again that nothing holds any more, or that expire; return True if there may be more.

    Part of a writing.
    """
    column = DELIVERY.c
    free = not_(held_by(await holds(connection)))
    which = and_(column.state == DeliveryState.HELD, or_(free, column.expires <= now))
    return await _turn(connection, which, DeliveryState.QUEUED) == AT_ONCE


async def _turn(connection: AsyncConnection, which: ColumnElement[bool], state: DeliveryState) -> int:
    """Give some of these deliveries another state; return how many."""
    statement = select(DELIVERY.c.id).where(which).limit(AT_ONCE).with_for_update(skip_locked=True)
    ids = [*(await connection.execute(statement)).scalars()]
    if ids:
        await connection.execute(update(DELIVERY).where(DELIVERY.c.id.in_(ids)).values(state=state))
    return len(ids)

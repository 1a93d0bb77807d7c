"""Deliveries in the database of a portal, which nobody delivers."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from sqlalchemy import select

from esb.core.delivery_states import DeliveryState, ReceiverState
from esb.database import holds
from esb.database.deliveries import DELIVERY
from esb.database.engine import Database
from tests.support.databases import open_database
from tests.support.delivery_rows import NOW, add_delivery
from tests.support.portal import Portal

HELD = "cmsi.send_mail"
"""A component that is held, since its mail server does not know it."""


@asynccontextmanager
async def rows_of(portal: Portal) -> AsyncIterator[Database]:
    """The database of a portal, in which HELD is held."""
    async with open_database(f"sqlite:///{portal.file.parent / 'esb.db'}") as database:
        async with database.writing() as connection:
            await holds.hold(connection, HELD, NOW, "config: 535")
        yield database


async def add_held(database: Database, **columns: Any) -> str:
    """Write a delivery that waits until its component is released; return its id."""
    waiting: dict[str, Any] = {"component": HELD, "state": DeliveryState.HELD, "expires": 2 * NOW}
    return await add_delivery(database, [("a", ReceiverState.QUEUED)], **waiting, **columns)


async def state_of(database: Database, identity: str) -> DeliveryState:
    """Return the state of a delivery."""
    async with database.reading() as connection:
        found = await connection.execute(select(DELIVERY.c.state).where(DELIVERY.c.id == identity))
        return DeliveryState(found.scalar_one())

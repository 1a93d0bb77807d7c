"""Gateways that accept deliveries, and what the database then holds of them."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Column, select

from esb.database.deliveries import CONTENT, DELIVERY, RECIPIENT
from esb.database.engine import Database
from esb.delivery import content, receivers
from esb.delivery.content import DeliveryContent
from esb.delivery.receivers import Receiver
from tests.support.configuration import SERVICES, WECOM
from tests.support.databases import stanza
from tests.support.gateway import Gateway

OpenAccepting = Callable[..., Awaitable[Gateway]]
SEPARATE = "{run: separate}"
"""A gateway that accepts deliveries, and sends none."""


def accepting_config(url: str, components: str = WECOM, deliveries: str = SEPARATE, services: str = SERVICES) -> str:
    """Return an esb.yaml with this database and this value of `deliveries`."""
    return f"{services}{stanza(url)}deliveries: {deliveries}\ncomponents:\n{components}"


@dataclass(frozen=True)
class Held:
    """What the database holds of deliveries, opened."""

    database: Database

    async def rows(self) -> list[Any]:
        """Return the deliveries, in the order in which they were accepted."""
        async with self.database.reading() as connection:
            return [*await connection.execute(select(DELIVERY).order_by(DELIVERY.c.id))]

    async def recipients(self, delivery: str) -> list[Any]:
        async with self.database.reading() as connection:
            asked = select(RECIPIENT).where(RECIPIENT.c.delivery == delivery).order_by(RECIPIENT.c.number)
            return [*await connection.execute(asked)]

    async def receivers(self, delivery: str) -> list[Receiver]:
        found = receivers.unsealed(
            self.database.keys, delivery, await self._kept(DELIVERY.c.receivers, DELIVERY.c.id, delivery)
        )
        assert found is not None
        return found

    async def content(self, delivery: str) -> DeliveryContent:
        sealed = await self._kept(CONTENT.c.sealed, CONTENT.c.delivery, delivery)
        text = self.database.keys.unseal_at(f"content/{delivery}", sealed)
        assert text is not None
        return content.unpacked(text)

    async def _kept(self, sealed: Column[Any], identity: Column[Any], delivery: str) -> bytes:
        async with self.database.reading() as connection:
            kept = (await connection.execute(select(sealed).where(identity == delivery))).scalar_one()
        return bytes(kept)

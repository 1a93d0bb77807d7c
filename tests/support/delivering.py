"""A gateway that delivers what it accepts, its database, and the sandbox to which it delivers."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Any

from sqlalchemy import select

from esb.core.delivery_events import CredentialHeld, DeliveryAttempted
from esb.core.delivery_states import ReceiverState
from esb.database.deliveries import DELIVERY, RECIPIENT
from esb.database.engine import Database
from tests.support.clock import Clock
from tests.support.gateway import Gateway, Sandbox

OpenDelivering = Callable[..., Awaitable["Delivering"]]


class Delivering:
    """The gateway with its clock, which a test moves, as it delivers."""

    def __init__(self, gateway: Gateway, database: Database, sandbox: Sandbox, clock: Clock) -> None:
        self.gateway = gateway
        self.database = database
        self.sandbox = sandbox
        self.clock = clock

    async def accept(self, receiver: str = "zhangsan", **params: Any) -> str:
        """Send a message asynchronously; return the id of its delivery."""
        answer = await self.gateway.send(receiver, **{"async": True, **params})
        assert answer["result"], answer
        identity: str = answer["data"]["delivery"]["id"]
        return identity

    @property
    def attempts(self) -> list[DeliveryAttempted]:
        """The attempts that have ended, in their order."""
        return [event for event in self.gateway.events if isinstance(event, DeliveryAttempted)]

    @property
    def holds(self) -> list[CredentialHeld]:
        """The holds that have begun and ended."""
        return [event for event in self.gateway.events if isinstance(event, CredentialHeld)]

    async def attempted(self, times: int = 1) -> DeliveryAttempted:
        """Wait until so many attempts have ended, and return the last of them."""
        await self.until(lambda: len(self.attempts) >= times)
        return self.attempts[times - 1]

    async def until(self, condition: Callable[[], bool]) -> None:
        """Wait until this is true."""
        while not condition():
            await asyncio.to_thread(time.sleep, 0.01)  # the loop's time may stand still

    async def row(self, identity: str) -> Any:
        """Return the row of a delivery."""
        async with self.database.reading() as connection:
            return (await connection.execute(select(DELIVERY).where(DELIVERY.c.id == identity))).one()

    async def states(self, identity: str) -> list[str]:
        """Return the states of a delivery's receivers, in words."""
        column = RECIPIENT.c
        statement = select(column.state).where(column.delivery == identity).order_by(column.number)
        async with self.database.reading() as connection:
            return [ReceiverState(row.state).word for row in await connection.execute(statement)]

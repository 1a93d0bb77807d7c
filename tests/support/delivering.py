"""A gateway that delivers what it accepts, its database, and the sandbox to which it delivers."""

from collections.abc import Awaitable, Callable
from typing import Any

from sqlalchemy import and_, or_, select, update

from esb.core.delivery_events import CredentialHeld, DeliveryAttempted
from esb.core.delivery_states import DeliveryState, ReceiverState
from esb.core.events import Crashed
from esb.database.claims import claim
from esb.database.deliveries import DELIVERY, RECIPIENT
from esb.database.engine import Database
from tests.support.clock import Clock
from tests.support.gateway import Gateway, Sandbox
from tests.support.wire import until, until_found

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
        assert answer["result"], [event for event in self.gateway.events if isinstance(event, Crashed)] or answer
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
        await until(lambda: len(self.attempts) >= times)
        return self.attempts[times - 1]

    async def has_done(self, number: int) -> None:
        """Wait until so many deliveries have reached their receivers."""
        await until(lambda: len(self.done) >= number)

    async def turned(self, identity: str, state: DeliveryState) -> Any:
        """Wait until a delivery has this state, and return its row."""

        async def has_it() -> bool:
            return bool((await self.row(identity)).state == state)

        await until_found(has_it)
        return await self.row(identity)

    @property
    def done(self) -> list[str]:
        """The deliveries that have reached their receivers."""
        return [event.delivery for event in self.attempts if event.state == "done"]

    async def claimed_by_a_dead_process(self) -> None:
        """Claim what is due as a process would that is killed in the same moment: its lease has just ended."""
        now = int(self.clock.since_1970() * 1000)
        async with self.database.writing() as connection:
            await claim(connection, now, "dead", 100, lease=0)

    async def sending_broke_off(self, identity: str) -> None:
        """Let a delivery be as if its process had been killed after it sent, and before it wrote what became of it."""
        now = int(self.clock.since_1970() * 1000)
        sending = {"state": DeliveryState.SENDING, "owner": "dead", "lease": now, "started": now, "attempts": 0}
        async with self.database.writing() as connection:
            await connection.execute(update(DELIVERY).where(DELIVERY.c.id == identity).values(sending))
            await connection.execute(update(RECIPIENT).values(state=ReceiverState.QUEUED))

    async def settled(self) -> None:
        """Wait until nothing is being sent, and nothing is due."""
        column, now = DELIVERY.c, int(self.clock.since_1970() * 1000)
        due = and_(column.state == DeliveryState.QUEUED, column.due <= now)
        busy = select(column.id).where(or_(column.state == DeliveryState.SENDING, due)).limit(1)

        async def nothing_is() -> bool:
            async with self.database.reading() as connection:
                return (await connection.execute(busy)).first() is None

        await until_found(nothing_is)

    async def row(self, identity: str) -> Any:
        """Return the row of a delivery."""
        async with self.database.reading() as connection:
            return (await connection.execute(select(DELIVERY).where(DELIVERY.c.id == identity))).one()

    async def states_are(self, identity: str, expected: list[str]) -> None:
        """Wait until the receivers of a delivery have these states."""

        async def are_they() -> bool:
            return await self.states(identity) == expected

        await until_found(are_they)

    async def states(self, identity: str) -> list[str]:
        """Return the states of a delivery's receivers, in words."""
        column = RECIPIENT.c
        statement = select(column.state).where(column.delivery == identity).order_by(column.number)
        async with self.database.reading() as connection:
            return [ReceiverState(row.state).word for row in await connection.execute(statement)]

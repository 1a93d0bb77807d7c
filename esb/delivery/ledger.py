"""The ledger for those who ask: apps about their own deliveries, operators about all of them."""

from collections.abc import Awaitable, Callable, Collection, Sequence
from typing import NamedTuple

from esb.config.yaml import did_you_mean
from esb.core.clock import Clock
from esb.core.delivery_states import GIVEN_UP, ReceiverState
from esb.core.errors import Message, UpstreamError, template
from esb.core.plain_messages import from_plain
from esb.core.reasons import Reason
from esb.database import delivery_changes, holds, recalls
from esb.database.delivery_answer import View
from esb.database.delivery_changes import Hindrance, Selection
from esb.database.delivery_counts import StateCount, count_states
from esb.database.delivery_views import DeliveryViews, Page, Wanted
from esb.database.engine import Database
from esb.database.forgetting import forget_receiver
from esb.database.holds import TheirHold
from esb.database.recalls import SentMessage
from esb.database.registry_errors import NotAcceptable
from esb.database.time_of_day import time_of_day
from esb.database.transaction import Transaction
from esb.database.writer import Actor

AWAY_SECONDS = 5.0
"""The time after which a caller may ask again, if the database was away."""
MISSED = {
    "failed": GIVEN_UP,
    "unknown": frozenset({ReceiverState.UNKNOWN}),
}
"""Word for the receivers to whom a delivery is sent again -> their states. The unknown may get it twice."""
_AWAY = template("the deliveries cannot be read or written now")


class MessagesLeft(NamedTuple):
    """Messages that can be taken back, as far as it is not too late: `now` is in milliseconds since 1970.

    `test_env`: they were sent by the component's test environment.
    """

    messages: Sequence[SentMessage]
    now: int
    test_env: bool


class Ledger:
    """The deliveries in the database of the gateway. Each method may raise DatabaseAway.

    Where an `app` is given, the delivery has to be this one's; any other is as good as none.
    """

    def __init__(
        self, database: Database, clock: Clock, announce: Callable[[Sequence[str]], Awaitable[None]] | None = None
    ) -> None:
        """`announce` tells those who deliver of deliveries that are due; left out, they look by themselves."""
        self._database = database
        self._clock = clock
        self._announce = announce

    async def page(self, wanted: Wanted) -> Page:
        """Return a page of deliveries. BadCursor."""
        async with self._database.reading() as connection:
            return await DeliveryViews(connection, self._database.keys).page(wanted)

    async def delivery(self, identity: str, app: str | None = None) -> View | None:
        """Return a delivery and its receivers, None if there is none. The texts of refusals may be Messages."""
        async with self._database.reading() as connection:
            found = await DeliveryViews(connection, self._database.keys).delivery(identity, app)
        restored: View | None = from_plain(found)
        return restored

    async def attempts(self, identity: str) -> list[View]:
        """Return the attempts of a delivery that have ended."""
        async with self._database.reading() as connection:
            return await DeliveryViews(connection, self._database.keys).attempts(identity)

    async def callbacks(self, identity: str) -> list[View]:
        """Return the events of a delivery that its app is told, or was: queued, sending, done, or dead, given up."""
        async with self._database.reading() as connection:
            return await DeliveryViews(connection, self._database.keys).callbacks(identity)

    async def counts(self) -> list[StateCount]:
        """Return how many deliveries there are of each state, MOST at most."""
        async with self._database.reading() as connection:
            return await count_states(connection)

    async def cancel(self, identity: str, app: str | None = None) -> Hindrance | None:
        """End a delivery that waits; None, or why it could not be."""
        async with self._database.writing() as connection:
            now = await time_of_day(connection, self._clock)
            return await delivery_changes.cancel(connection, self._database.keys, identity, now, app)

    async def waiting(self, which: Selection) -> int:
        """Return how many deliveries wait and are meant."""
        async with self._database.reading() as connection:
            return await delivery_changes.count_waiting(connection, which)

    async def cancel_all(self, which: Selection) -> int:
        """End all that wait and are meant, some at a time; return how many."""
        number = 0
        while True:
            async with self._database.writing() as connection:
                now = await time_of_day(connection, self._clock)
                ended = await delivery_changes.cancel_some(connection, self._database.keys, which, now)
            if not ended:
                return number
            number += ended

    async def redrive(
        self, identity: str, missed: Collection[ReceiverState], seconds: float, app: str | None = None
    ) -> Hindrance | None:
        """Send a dead delivery again, for so many seconds, to its receivers in these states; None, or why not."""
        async with self._database.writing() as connection:
            now = await time_of_day(connection, self._clock)
            expires = now + int(seconds * 1000)
            hindrance = await delivery_changes.redrive(connection, identity, missed, now, expires, app)
        if hindrance is None and self._announce is not None:
            await self._announce([identity])
        return hindrance

    async def messages_left(self, identity: str) -> MessagesLeft:
        """Return the messages of a delivery that nobody has taken back, and what their recall has to know."""
        async with self._database.reading() as connection:
            now = await time_of_day(connection, self._clock)
            test_env = await recalls.is_of_test_environment(connection, identity)
            return MessagesLeft(await recalls.messages_left(connection, identity), now, test_env)

    async def note_recalled(self, identity: str, msgids: Collection[str], app: str, operator: Actor | None) -> None:
        """Write that these messages of a delivery of an app were taken back; into the history, too, by an operator."""
        async with self._database.writing() as connection:
            now = await time_of_day(connection, self._clock)
            await recalls.note_recalled(connection, identity, msgids, now)
            if operator is not None:
                write = Transaction(connection, self._database.keys, operator, now)
                write.record("delivery.recall", app, None, {"delivery": identity, "messages": len(msgids)})
                await write.finish()

    async def forget(self, receiver: str) -> tuple[int, int]:
        """Let all deliveries forget a receiver; return how many did, and how many cannot since they are to be sent."""
        ended = waiting = 0
        last = ""
        while True:
            async with self._database.writing() as connection:
                step = await forget_receiver(connection, self._database.keys, receiver, last)
            ended, waiting, last = ended + step.ended, waiting + step.waiting, step.last
            if not last:
                return ended, waiting

    async def hold(self, component: str, actor: str, reason: str, declared: Collection[str]) -> bool:
        """Send nothing more of a component until it is released; return True if nobody held it yet.

        NotAcceptable if it is none of those that are `declared`, nor one of a delivery: other gateways may share the
        database, and have other components.
        """
        async with self._database.writing() as connection:
            if component not in declared:
                of_it = Wanted(component=component, most=1)
                if not (await DeliveryViews(connection, self._database.keys).page(of_it)).deliveries:
                    hint = did_you_mean(component, declared)
                    raise NotAcceptable(
                        "there is no component {component!r}, nor a delivery of it{hint}",
                        component=component,
                        hint=hint,
                    )
            now = await time_of_day(connection, self._clock)
            return await holds.hold(connection, component, now, reason, actor=actor)

    async def holds(self, most: int) -> list[TheirHold]:
        """Return what is held, by whom and why, the oldest first."""
        async with self._database.reading() as connection:
            return await holds.oldest_holds(connection, most)

    async def release(self, component: str) -> bool:
        """End the holds of a component and of all its credentials; return True if there were any."""
        async with self._database.writing() as connection:
            held = [each.credential for each in await holds.holds(connection)]
            of_it = [each for each in held if each == component or each.startswith(f"{component}/")]
            for credential in of_it:
                await holds.release(connection, credential)
        return bool(of_it)


def ledger_away() -> UpstreamError:
    """Return the error for callers whose deliveries lie in a database that is away."""
    return UpstreamError(
        "database",
        "deliveries",
        Message(_AWAY),
        sent=False,
        transient=True,
        data={"retryable": True, "retry_after": AWAY_SECONDS},
        call_reason=Reason.STORE,
    )

"""The claims of one process, each step a transaction of its own; ends of attempts share one."""

from collections.abc import Collection, Sequence

from sqlalchemy.ext.asyncio import AsyncConnection

from esb.core.clock import Clock
from esb.database import claims, holds
from esb.database.attempts import AttemptEnd, Written, finish
from esb.database.claims import Claim, Taken
from esb.database.engine import Database, DatabaseAway
from esb.database.group_commit import GroupCommit
from esb.database.time_of_day import time_of_day

AT_ONCE = 500
"""Deliveries of one claim at most: others wait for its transaction, and a statement takes so many parameters only."""


class ClaimWrites:
    """The writes of one who delivers, whom `owner` names in its claims. Each raises DatabaseAway."""

    def __init__(self, database: Database, clock: Clock, owner: str) -> None:
        self._database = database
        self._clock = clock
        self._owner = owner
        self._ends: GroupCommit[AttemptEnd, Written] = GroupCommit(database, self._finish)

    async def claim(
        self, room: int, keeps: Sequence[str] = (), known: Collection[str] | None = None, *, probes: bool = False
    ) -> tuple[Taken, int | None]:
        """Take at most so many deliveries; return them, and if they are fewer, when the next is due.

        `keeps`: what is under way, so that it takes nothing from itself. `known`: all that it has, after a claim of
        which nobody knows whether it was made; None: there is none. If it `probes`, credentials that do not work are
        tried before it is time.
        """
        async with self._database.writing() as connection:
            now = await time_of_day(connection, self._clock)
            if keeps:
                await claims.extend(connection, now, self._owner, keeps)
            if known is not None:
                await claims.recall(connection, self._owner, known)
            if probes:
                await holds.probe_soon(connection, now)
            taken = await claims.claim(connection, now, self._owner, min(room, AT_ONCE))
            return taken, await claims.next_due(connection) if len(taken.claims) < room else None

    async def extend(self, deliveries: Sequence[str]) -> None:
        """Keep these for another lease."""
        async with self._database.writing() as connection:
            now = await time_of_day(connection, self._clock)
            await claims.extend(connection, now, self._owner, deliveries)

    async def give_back(self, untouched: Sequence[Claim], *, all_others: bool = False) -> None:
        """Let others take at once those of which nothing was sent; and `all_others`, as in doubt."""
        async with self._database.writing() as connection:
            await claims.give_back(connection, self._owner, untouched)
            if all_others:
                await claims.abandon(connection, await time_of_day(connection, self._clock), self._owner)

    async def let_go(self) -> None:
        """Let deliveries wait again that nothing holds any more, or that expire."""
        more = True
        while more:
            async with self._database.writing() as connection:
                more = await holds.let_go(connection, await time_of_day(connection, self._clock))

    async def finish(self, end: AttemptEnd) -> Written:
        """Write the end of an attempt, together with those of others. Again is no harm."""
        try:
            return await self._ends.submit(end)
        except DatabaseAway:
            raise
        except Exception:  # noqa: BLE001 - it may be another's end, of the same transaction, that cannot be written
            async with self._database.writing() as connection:
                return (await self._finish(connection, [end]))[0]

    async def close(self) -> None:
        """Wait for the ends that are being written."""
        await self._ends.close()

    async def _finish(self, connection: AsyncConnection, ends: Sequence[AttemptEnd]) -> Sequence[Written]:
        return await finish(connection, self._database.keys, self._owner, ends)

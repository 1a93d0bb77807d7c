"""The way of changes from the database into a worker: twice a second it looks whether there are any.

Only the apps that have changed are read again. While the database is away, the last snapshot goes on.
"""

import asyncio

from esb.contracts.services import ProcessServices
from esb.database import app_rows
from esb.database.engine import Database, DatabaseAway
from esb.services.apps._snapshot import Entry, Snapshot

POLL_SECONDS = 0.5
"""The time between two looks: whoever changes a right sees it count within a second."""
CRASHED_SECONDS = 10.0
"""The time after a look that failed by a bug, so that it does not fill the log."""


class AppFeed:
    """The apps of the database: `snapshot` is the newest there is, None until the database answers for the first time.

    `read_at` is when the database last confirmed it, by the gateway's clock.
    """

    def __init__(self, services: ProcessServices) -> None:
        self._services = services
        self.snapshot: Snapshot | None = None
        self.read_at = services.clock()
        self._reading = asyncio.Lock()
        self._polling: asyncio.Task[None] | None = None

    @property
    def database(self) -> Database:
        """The database. DatabaseAway if there is none."""
        if self._services.database is None:
            raise DatabaseAway("there is no services.database")
        return self._services.database

    @property
    def age(self) -> float:
        """The seconds since the database last confirmed the snapshot."""
        return self._services.clock() - self.read_at

    async def open(self) -> None:
        """Read all apps, and follow their changes from now on. A database that is away may come later.

        Until then the apps are those that the services of the configuration before a reload have read, if any.
        """
        try:
            await self.refresh()
        except DatabaseAway:
            others: list[AppFeed] = self.database.followers
            for other in sorted(others, key=lambda other: other.read_at):
                if other.snapshot is not None:
                    self.snapshot, self.read_at = other.snapshot, other.read_at
        self.database.followers.append(self)
        self._polling = asyncio.create_task(self._poll())

    async def refresh(self) -> None:
        """Read what has changed since the snapshot. DatabaseAway."""
        async with self._reading:
            asked_at = self._services.clock()
            old = self.snapshot
            found = await app_rows.difference(self.database, None if old is None else old.mark)
            if found is not None:
                read = {code: Entry(rows) for code, rows in found.apps.items()}
                if old is not None and found.changed is not None:
                    gone = {*found.changed}
                    read = {code: entry for code, entry in old.apps.items() if code not in gone} | read
                self.snapshot = Snapshot(read, found.mark, self.database.keys)
            self.read_at = asked_at

    async def one(self, code: str) -> Entry | None:
        """Return the app of this code as it stands in the database now, None if there is none. DatabaseAway."""
        rows = await app_rows.one(self.database, code)
        return None if rows is None else Entry(rows)

    async def close(self) -> None:
        if self._polling is not None:
            self.database.followers.remove(self)
            self._polling.cancel()
            await asyncio.gather(self._polling, return_exceptions=True)

    async def _poll(self) -> None:
        while True:
            await asyncio.sleep(POLL_SECONDS)
            try:
                if not self.database.is_away:  # else it is being reached again already
                    await self.refresh()
            except DatabaseAway:
                continue
            except Exception as error:  # noqa: BLE001 - a bug must not keep the apps as they are for ever
                self._services.observer.crashed("", "reading apps from the database", error)
                await asyncio.sleep(CRASHED_SECONDS)

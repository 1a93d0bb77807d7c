"""Kept idempotency keys: in the database if there is one, else in the store of all processes, else in memory."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from esb.contracts.services import ProcessServices
from esb.delivery.resilient_keys import ResilientKeys
from esb.store.kept_keys import KeptKeys
from esb.store.keyspaces import IDEMPOTENCY
from esb.store.memory import MemoryStore
from esb.store.protocol import DegradingStore
from esb.store.store_keys import StoreKeys

if TYPE_CHECKING:
    from esb.database.kept_keys import DatabaseKeptKeys

OWN_KEYS = 1_000_000
"""The most keys that a process remembers beside the database or the store; bounded by their bytes before."""


@dataclass(frozen=True, slots=True)
class ProcessKeys:
    """The kept keys of a process, which outlive its generations. `in_database`: None without a database."""

    kept: KeptKeys
    services: ProcessServices
    in_database: "DatabaseKeptKeys | None" = None

    async def open(self) -> None:
        """Hear when the store was away: it may have lost what it kept."""
        if isinstance(self.kept, ResilientKeys) and self.in_database is None:
            await self.services.store.watch(self._heard)

    def _heard(self, key: str, _: str) -> None:
        if not key and isinstance(self.kept, ResilientKeys):
            self.kept.lost()

    async def close(self) -> None:
        """Write what is owed."""
        if isinstance(self.kept, ResilientKeys):
            await self.kept.close()
        if self.in_database is not None:
            await self.in_database.close()


def build_kept_keys(services: ProcessServices) -> ProcessKeys:
    """Return what keeps the idempotency keys of this process. Nothing is opened."""
    store, clock = services.store, services.clock
    if services.database is None and not store.shared:
        return ProcessKeys(StoreKeys(store), services)
    in_database = None
    if services.database is not None:
        from esb.database.kept_keys import DatabaseKeptKeys

        in_database = DatabaseKeptKeys(services.database, clock)
    refuses = store.shared and not (isinstance(store, DegradingStore) and store.goes_on_without(IDEMPOTENCY))
    kept = ResilientKeys(
        in_database or StoreKeys(store), MemoryStore(clock, OWN_KEYS), services.observer, refuses=refuses
    )
    return ProcessKeys(kept, services, in_database)

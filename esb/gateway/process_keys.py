"""Kept idempotency keys: in the database if there is one, else in the store of all processes, else in memory.

Nonces are kept where keys are, unless all processes share the store: then they are there.
"""

from typing import TYPE_CHECKING

from esb.contracts.services import ProcessServices
from esb.core.clock import Clock
from esb.core.events import Observer
from esb.delivery.idempotency import Idempotency
from esb.delivery.key_claims import KeyClaims
from esb.delivery.resilient_keys import ResilientKeys
from esb.store.kept_keys import KeptKeys
from esb.store.keyspaces import IDEMPOTENCY
from esb.store.memory import MemoryStore
from esb.store.nonces import DurableNonces, Nonces
from esb.store.protocol import DegradingStore, Store
from esb.store.store_keys import StoreKeys

if TYPE_CHECKING:
    from esb.database.engine import Database
    from esb.database.kept_keys import DatabaseKeptKeys

OWN_KEYS = 1_000_000
"""The most keys that a process remembers beside the database or the store; the bytes that they take end it before."""


class ProcessKeys:
    """The idempotency keys that a process keeps over all its generations, and the nonces.

    `idempotency` is the middleware with these keys.
    """

    def __init__(self, store: Store, database: "Database | None", clock: Clock, observer: Observer) -> None:
        """Take the store and the database, which are closed after these."""
        kept: KeptKeys = StoreKeys(store)
        self.nonces: Nonces = store
        self._store = store
        self._copied: ResilientKeys | None = None
        self._in_database: DatabaseKeptKeys | None = None
        durable: KeptKeys | None = kept if store.shared else None
        if database is not None:
            durable = in_database = self._in_database = _in_database(database, clock)
            if not store.shared:
                self.nonces = DurableNonces(store, in_database)
        if durable is not None:
            goes_on = not store.shared or (isinstance(store, DegradingStore) and store.goes_on_without(IDEMPOTENCY))
            memory = MemoryStore(clock, OWN_KEYS)
            kept = self._copied = ResilientKeys(durable, memory, observer, refuses=not goes_on)
        self.idempotency = Idempotency(KeyClaims(kept, observer), observer)

    async def open(self) -> None:
        """Hear from now on when the store was away."""
        if self._copied is not None and self._in_database is None:
            await self._store.watch(self._heard)

    def _heard(self, key: str, _: str) -> None:
        if self._copied is not None and not key:
            self._copied.lost()

    async def close(self) -> None:
        """Write what is owed."""
        if self._copied is not None:
            await self._copied.close()
        if self._in_database is not None:
            await self._in_database.close()


def kept_by_store(process: ProcessServices) -> Idempotency:
    """Return the middleware whose keys lie in the store alone, for a generation that no gateway has."""
    return Idempotency(KeyClaims(StoreKeys(process.store), process.observer), process.observer)


def _in_database(database: "Database", clock: Clock) -> "DatabaseKeptKeys":
    from esb.database.kept_keys import DatabaseKeptKeys

    return DatabaseKeptKeys(database, clock)

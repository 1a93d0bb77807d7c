"""Nonces of signed requests that were seen: remembered by the store, and where that is one process's, durably."""

from typing import Protocol

from esb.store.kept_keys import Held, KeptKeys, Wanted
from esb.store.protocol import Store, StoreAway


class Nonces(Protocol):
    """A memory of nonces; a store is one."""

    async def add(self, key: str, seconds: float) -> bool:
        """Remember this key for so many seconds, as `Store.add` does."""
        ...


class DurableNonces:
    """Nonces in the memory of this process, and in a durable place, which knows those of others and of before.

    While that is away, they are known to this process alone: signed calls go on.
    """

    def __init__(self, store: Store, durable: KeptKeys) -> None:
        self._store = store
        self._durable = durable

    async def add(self, key: str, seconds: float) -> bool:
        if not await self._store.add(key, seconds):
            return False
        try:
            return isinstance(await self._durable.claim(Wanted(key, "", 0.0, seconds)), Held)
        except StoreAway:
            return True

"""A shared store that falls back to the memory of this process while it is away."""

from collections.abc import Sequence, Set
from typing import Protocol

from esb.store.memory import MemoryStore
from esb.store.protocol import (
    ChangeListener,
    Kept,
    Reserved,
    Rule,
    Store,
    StoreAway,
    StoreReader,
    Swapped,
    Taken,
    Window,
)


class ReadableStore(Store, StoreReader, Protocol):
    """A store that tells what is left as well."""


class Fallback:
    """A store and its substitute. Keys in the keyspaces `falling_back` fall back, others raise StoreAway.

    A key that the substitute has kept counts until its time is over, though the store has come back.
    """

    shared = True

    def __init__(self, store: ReadableStore, own: MemoryStore, falling_back: Set[str]) -> None:
        self._store = store
        self._own = own
        self._falling_back = falling_back

    @property
    def trouble(self) -> str:
        return self._store.trouble

    async def open(self) -> None:
        await self._store.open()

    async def close(self) -> None:
        await self._store.close()

    async def add(self, key: str, seconds: float) -> bool:
        try:
            return await self._store.add(key, seconds) and not self._own.remembers(key)
        except StoreAway as away:
            self._check(key, away)
            return await self._own.add(key, seconds)

    async def put(self, key: str, value: bytes, seconds: float) -> None:
        try:
            await self._store.put(key, value, seconds)
        except StoreAway as away:
            self._check(key, away)
            await self._own.put(key, value, seconds)

    async def get(self, key: str, *, strict: bool = False) -> Kept | None:
        try:
            kept = await self._store.get(key, strict=strict)
        except StoreAway as away:
            self._check(key, away)
            kept = None
        return kept or await self._own.get(key)

    async def swap(self, key: str, seen: str, value: bytes, seconds: float) -> Swapped:
        own = await self._own.get(key)
        if own is not None and own.version != seen:
            return Swapped(False, own)
        try:
            swapped = await self._store.swap(key, seen, value, seconds)
        except StoreAway as away:
            self._check(key, away)
            return await self._own.swap(key, seen, value, seconds)
        await self._own.drop(key, seen)
        return swapped

    async def drop(self, key: str, version: str) -> bool:
        here = await self._own.drop(key, version)
        try:
            return await self._store.drop(key, version) or here
        except StoreAway as away:
            self._check(key, away)
            return here

    async def reserve(
        self, keys: Sequence[str], *, times: int, limit: int, seconds: float, patience: float, held: float
    ) -> Reserved:
        try:
            return await self._store.reserve(
                keys, times=times, limit=limit, seconds=seconds, patience=patience, held=held
            )
        except StoreAway as away:
            self._check(keys[0], away)
            return await self._own.reserve(
                keys, times=times, limit=limit, seconds=seconds, patience=patience, held=held
            )

    async def settle(self, keys: Sequence[str], receipt: float, times: int) -> None:
        await self._own.settle(keys, receipt, times)  # whoever did not give them out knows no such receipt
        await self._store.settle(keys, receipt, times)

    async def take(self, key: str, rules: Sequence[Rule]) -> Taken:
        try:
            return await self._store.take(key, rules)
        except StoreAway as away:
            self._check(key, away)
            return await self._own.take(key, rules)

    async def windows(self, key: str, rules: Sequence[Rule]) -> Sequence[Window]:
        try:
            return await self._store.windows(key, rules)
        except StoreAway as away:
            self._check(key, away)
            return await self._own.windows(key, rules)

    async def reserved(self, keys: Sequence[str], seconds: float) -> Sequence[int]:
        try:
            return await self._store.reserved(keys, seconds)
        except StoreAway as away:
            self._check(keys[0], away)
            return await self._own.reserved(keys, seconds)

    async def give_back(self, key: str) -> None:
        try:
            await self._store.give_back(key)
        except StoreAway as away:
            self._check(key, away)
            await self._own.give_back(key)

    async def watch(self, heard: ChangeListener) -> None:
        await self._store.watch(heard)

    def _check(self, key: str, away: StoreAway) -> None:
        """Raise the error unless the keyspace of this key falls back."""
        if key.partition(":")[0] not in self._falling_back:
            raise away

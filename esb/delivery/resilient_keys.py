"""Idempotency keys that survive: in a durable place, with the answers of this process copied into its memory.

While the durable place is away, this process knows its own calls still, those before and those meanwhile; and what it
could not write there, it writes once that is back.
"""

import asyncio
from contextlib import suppress
from dataclasses import dataclass, replace

from esb.core.backoff import pauses
from esb.core.events import Observer
from esb.store.kept_keys import Found, Held, KeptKeys, Unprotected, Wanted
from esb.store.keyspaces import IDEMPOTENCY
from esb.store.memory import MemoryStore
from esb.store.protocol import StoreAway
from esb.store.store_keys import StoreKeys

FIRST_PAUSE, LONGEST_PAUSE = 0.2, 2.0
"""Seconds between two tries to write what is owed."""


@dataclass(frozen=True, slots=True)
class _Owed:
    """The end of a claim that the durable place has not heard of: its answer is to be kept, or the claim released."""

    held: Held
    answered: bool


class ResilientKeys:
    """Keys of a durable place, and copies of them in memory of this process.

    `refuses`: while the durable place is away, a key that is new to this process raises StoreAway, and its call is not
    made; else it is made, and its key is known to this process alone until it can be written.
    """

    def __init__(self, durable: KeptKeys, memory: MemoryStore, observer: Observer, *, refuses: bool) -> None:
        self._durable = durable
        self._memory = memory
        self._own = StoreKeys(memory)
        self._observer = observer
        self._refuses = refuses
        self._owed: dict[str, _Owed] = {}
        """By entry. Answers lie in memory, so that what is owed is bounded as that is."""
        self._writing: asyncio.Task[None] | None = None

    async def claim(self, wanted: Wanted) -> Held | Found:
        copy = await self._own.find(wanted.entry)
        if copy is not None:
            return copy
        try:
            return await self._durable.claim(wanted)
        except StoreAway:
            if self._refuses:
                raise
        claimed = await self._own.claim(wanted)
        if isinstance(claimed, Found) or claimed.unprotected is Unprotected.FULL:
            return claimed
        return replace(claimed, unprotected=Unprotected.AWAY)

    async def find(self, entry: str) -> Found | None:
        return await self._own.find(entry) or await self._durable.find(entry)

    async def settle(self, held: Held, answer: bytes) -> None:
        """Keep the answer, here in any case; it is written where it belongs now, or once that is back."""
        await self._own.settle(held, answer)
        try:
            await self._durable.settle(held, answer)
        except StoreAway:
            self._owe(_Owed(held, answered=True))

    async def release(self, held: Held) -> None:
        await self._own.release(held)
        try:
            await self._durable.release(held)
        except StoreAway:
            self._owe(_Owed(held, answered=False))

    def lost(self) -> None:
        """Write all answers again: the durable place may have lost what was there."""
        for entry in self._memory.keys_of(IDEMPOTENCY):
            if entry not in self._owed:
                self._owe(_Owed(Held(Wanted(entry, "", 0.0, 0.0), ""), answered=True))

    async def close(self) -> None:
        """Try once more to write what is owed."""
        if self._writing is not None:
            self._writing.cancel()
            await asyncio.gather(self._writing, return_exceptions=True)
        with suppress(StoreAway):
            await self._write()

    def _owe(self, owed: _Owed) -> None:
        self._owed[owed.held.wanted.entry] = owed
        if self._writing is None:
            self._writing = asyncio.create_task(self._write_back())

    async def _write_back(self) -> None:
        try:
            for pause in pauses(FIRST_PAUSE, LONGEST_PAUSE):
                await asyncio.sleep(pause)
                with suppress(StoreAway):
                    await self._write()
                    return
        except Exception as error:  # noqa: BLE001 - the rim: what was not foreseen would come again with this key
            self._owed.clear()
            self._observer.crashed("", "writing idempotency keys", error)
        finally:
            self._writing = None

    async def _write(self) -> None:
        """Write what is owed. StoreAway: then the rest is owed still."""
        while self._owed:
            entry, owed = next(iter(self._owed.items()))
            await self._end(owed)
            if self._owed.get(entry) is owed:
                del self._owed[entry]

    async def _end(self, owed: _Owed) -> None:
        held = owed.held
        if not owed.answered:
            await self._durable.release(held)
            return
        copy = await self._own.find(held.wanted.entry)
        if copy is not None and copy.answer is not None:  # else there was no room for it: its claim is in doubt
            wanted = replace(held.wanted, content=copy.content, seconds=copy.seconds)
            await self._durable.settle(replace(held, wanted=wanted), copy.answer)

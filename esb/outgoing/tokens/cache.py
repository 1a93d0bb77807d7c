"""Access tokens of upstream systems as one process has them at hand: copies of the tokens in its store.

The rules are what WeChat's tokens need and survive: one fetch however many ask at once; a refresh in the background
before a token dies; a token is dropped only by who names its value, so a late failure cannot throw a fresh one away;
a secret that was refused is not tried again for a while, because WeChat bans addresses that keep trying. All of them
hold for all processes that share the store (`SharedTokens`). A copy is good until a change is heard.
"""

import asyncio
import math
from collections.abc import Coroutine
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from cachetools import TTLCache

from esb.core.clock import Clock
from esb.core.errors import EsbError
from esb.core.events import Observer
from esb.core.lru import Recent
from esb.core.single_flight import SingleFlight
from esb.outgoing.tokens.key import Fetch, RefusalHeard, Token, TokenKey, TokenRefused
from esb.outgoing.tokens.shared import (
    REFUSAL_SECONDS,
    RETRY_SECONDS,
    SharedToken,
    SharedTokens,
    lead,
)
from esb.store.keyspaces import TOKEN
from esb.store.memory import MemoryStore
from esb.store.protocol import Store, StoreAway

__all__ = ["Fetch", "RefusalHeard", "Token", "TokenCache", "TokenKey", "TokenRefused"]


@dataclass(slots=True)
class Entry:
    """A copy of a token, and its state. Times are seconds by the gateway's clock."""

    value: str = field(repr=False)
    fetched_at: float
    expires_at: float
    refresh_at: float
    source: SharedTokens
    """The tokens that it is a copy of: those of all processes, or of ours alone while the store was away."""
    version: str
    """Its version there."""
    sure: bool = False
    """True if it is used without a look into the store."""
    lost_track: bool = False
    """True if the store may have lost it, or we may have missed a change of it."""
    proven: bool = False
    """True if the upstream has accepted it at least once."""


class TokenCache:
    """Tokens by key. Bounded: the least recently used go first, and are found in the store again."""

    def __init__(self, store: Store, observer: Observer, clock: Clock, size: int = 10_000) -> None:
        self._store = store
        self._clock = clock
        self._shared = SharedTokens(store, clock, observer)
        self._own = SharedTokens(MemoryStore(clock, size), clock, observer)
        """The tokens of this process alone, while the store is away."""
        self._tokens: Recent[str, Entry] = Recent(size)
        self._refused: TTLCache[str, EsbError] = TTLCache(size, REFUSAL_SECONDS, timer=clock)
        self._flight: SingleFlight[str, str | None] = SingleFlight()
        self._heard = 0
        """The number of changes heard."""
        self._lost_at = 0
        """The number, among them, of the last one that may have been a change of any token."""
        self._changes: Recent[str, tuple[int, str]] = Recent(size)
        """Name of a key -> number and version of the last change of its token."""
        self._reports: set[asyncio.Task[None]] = set()

    async def open(self) -> None:
        """Listen to the changes of tokens that the store publishes."""
        await self._store.watch(self._hear)

    def at_hand(self, key: TokenKey) -> Entry | None:
        """Return the token for this key if it can be used at once; None if only `get` can find or fetch it."""
        entry = self._tokens.get(key.name)
        if entry is None or not entry.sure or self._clock() >= entry.refresh_at:
            return None
        self._tokens.move_to_end(key.name)
        return entry

    async def known(self, key: TokenKey) -> str | None:
        """Return the token for this key that lies in the store, without a fetch; None if none does. StoreAway."""
        token = await self._shared.current(key)
        return None if token is None else token.value

    async def get(self, key: TokenKey, fetch: Fetch) -> str:
        """Return the token for this key; `fetch` is called if there is none, and ahead of its end.

        Raises what `fetch` raises; TokenRefused again for a while without asking; Limited when too many secrets
        sent by callers were wrong for this account.
        """
        entry = self._tokens.used(key.name)
        if entry is not None and self._clock() < entry.expires_at:
            checked = entry if entry.sure else await self._checked(key, entry)
            if checked is not None:
                if self._clock() >= checked.refresh_at:
                    self._refresh(key, fetch, checked)
                return checked.value
        if (refused := self._refused.get(key.name)) is not None:
            raise refused.with_traceback(None)  # raised many times; a kept traceback would grow
        value = await self._flight.run(key.name, lambda: self._fetched(key, fetch))
        if value is not None:
            return value
        # We have joined the refresh of a token that is gone by now, and another process was on it.
        await asyncio.sleep(0)  # that flight has landed: nobody joins it any more
        return await self.get(key, fetch)

    async def forget(self, key: TokenKey, value: str) -> bool:
        """Drop the token if it still is the one that failed; return True if another one is worth a try.

        It is not when this one came as a replacement just now and never worked: then something else is wrong, and every
        call would fetch a token in vain. `pause` tells for how long.
        """
        entry = self._tokens.get(key.name)
        if entry is None or entry.value != value:
            return True
        if not await self._worth_replacing(key, entry):
            return False
        if self._tokens.get(key.name) is entry:
            del self._tokens[key.name]
        return True

    async def pause(self, key: TokenKey) -> float:
        """Return the seconds until a replacement that never worked is worth replacing; 0 if it is now."""
        try:
            return await self._shared.pause(key)
        except StoreAway:
            return await self._own.pause(key)

    def confirm(self, key: TokenKey, value: str) -> None:
        """Remember that the upstream has accepted this token."""
        entry = self._tokens.get(key.name)
        if entry is not None and entry.value == value and not entry.proven:
            entry.proven = True
            self._report(entry.source.prove(entry.version))

    def age(self, key: TokenKey, value: str) -> float:
        """Return the seconds since this token was fetched; infinity if it is not the one at hand."""
        entry = self._tokens.get(key.name)
        return self._clock() - entry.fetched_at if entry is not None and entry.value == value else math.inf

    async def close(self) -> None:
        """Cancel the fetches under way; nothing is left behind."""
        await self._flight.close()
        await asyncio.gather(*self._reports, return_exceptions=True)

    def _refresh(self, key: TokenKey, fetch: Fetch, entry: Entry) -> None:
        """Begin a refresh ahead of the token's end, unless one is under way; the next one comes after a while."""
        entry.refresh_at = min(self._clock() + RETRY_SECONDS, entry.expires_at)
        self._flight.start(key.name, lambda: self._fetched(key, fetch, entry))

    async def _fetched(self, key: TokenKey, fetch: Fetch, entry: Entry | None = None) -> str | None:
        """Return a token that somebody fetches; the one that follows this entry, if there is one.

        None: another process is on what follows it. It is good until its end, whatever becomes of this. A refusal is
        kept as a copy, too.
        """
        asked_at = self._heard
        try:
            token, source = await self._asked(key, fetch, None if entry is None else self._offered(entry))
        except RefusalHeard:
            raise  # the store forgets it when its time is over
        except TokenRefused as refused:
            self._refused[key.name] = refused
            raise
        return None if token is None else self._adopt(key, token, source, asked_at).value

    async def _asked(
        self, key: TokenKey, fetch: Fetch, mine: SharedToken | None
    ) -> tuple[SharedToken | None, SharedTokens]:
        """Return a token and where it lies: with all processes, or with ours alone while the store is away."""
        try:
            if mine is None:
                return await self._shared.obtain(key, fetch), self._shared
            return await self._shared.refresh(key, fetch, mine), self._shared
        except StoreAway:
            if key.exclusive:
                raise
            return await self._own.fetch(key, fetch, mine), self._own

    async def _worth_replacing(self, key: TokenKey, entry: Entry) -> bool:
        """Return True if it is worth fetching another token; then this one is dropped for all processes."""
        doubtful = not entry.proven
        try:
            worth = await entry.source.forget(key, entry.version, doubtful=doubtful)
        except StoreAway:  # then what we know ourselves decides
            worth = not (doubtful and await self._own.pause(key))
        if worth:
            await self._own.note_replaced(key, again=doubtful)
        return worth

    async def _checked(self, key: TokenKey, entry: Entry) -> Entry | None:
        """Return the store's version of a token that we know; None if it was dropped."""
        asked_at = self._heard
        try:
            if entry.lost_track:
                token = await self._shared.offer(key, self._offered(entry))
            else:
                token = await self._shared.current(key)
        except StoreAway:
            if key.exclusive:
                raise
            return entry
        if token is not None:
            return self._adopt(key, token, self._shared, asked_at)
        if self._tokens.get(key.name) is entry:
            del self._tokens[key.name]
        return None

    def _offered(self, entry: Entry) -> SharedToken:
        """Return our copy as the other processes would know it."""
        now = self._clock()
        seconds = entry.expires_at - now
        version = entry.version if entry.source is self._shared else ""
        return SharedToken(entry.value, seconds, now - entry.fetched_at, lead(seconds), version)

    def _adopt(self, key: TokenKey, token: SharedToken, source: SharedTokens, asked_at: int) -> Entry:
        """Keep a copy of a store's token. `asked_at` is the number of changes heard before the store was asked."""
        known = self._tokens.get(key.name)
        if known is not None and known.source is source and known.version == token.version:
            entry = known
        else:
            now = self._clock()
            ends = now + token.seconds
            entry = Entry(token.value, now - token.age, ends, ends - token.lead, source, token.version)
            entry.proven = known is not None and known.value == token.value and known.proven
            self._tokens[key.name] = entry
        entry.lost_track = self._lost_at > asked_at
        entry.sure = not entry.lost_track and (source is self._own or self._is_sure(key, token.version, asked_at))
        return entry

    def _is_sure(self, key: TokenKey, version: str, asked_at: int) -> bool:
        """Return True if this version may be used without a look, now that the store was asked.

        Not if another change of the token was heard meanwhile. And never if it dies when another process fetches one.
        """
        if key.exclusive and self._store.shared:
            return False
        changed_at, changed_to = self._changes.get(key.name, (0, ""))
        return changed_at <= asked_at or changed_to == version

    def _hear(self, changed: str, version: str) -> None:
        """Note that a token has changed; with "" for a key, that any may have."""
        self._heard += 1
        if not changed:
            self._lost_at = self._heard
            for entry in self._tokens.values():
                entry.sure = False
                entry.lost_track = True
            return
        keyspace, _, name = changed.partition(":")
        if keyspace == TOKEN:
            self._changes[name] = (self._heard, version)
            known = self._tokens.get(name)
            if known is not None and known.version != version:
                del self._tokens[name]

    def _report(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.ensure_future(_without_store(work))
        self._reports.add(task)
        task.add_done_callback(self._reports.discard)


async def _without_store(work: Coroutine[Any, Any, None]) -> None:
    with suppress(StoreAway):
        await work

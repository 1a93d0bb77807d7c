"""Access tokens of upstream systems, in memory: when one is fetched, refreshed ahead, and thrown away.

The rules are what WeChat's tokens need and survive: one fetch however many ask at once; a refresh in the background
before a token dies; a token is dropped only by who names its value, so a late failure cannot throw a fresh one away;
a secret that was refused is not tried again for a while, because WeChat bans addresses that keep trying.

With a store that other processes share (`fleet_tokens`), all of this holds for all of them together, and what lies
here is a copy: good until a change is heard.
"""

import asyncio
import math
from collections.abc import Callable, Coroutine
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from cachetools import LRUCache, TTLCache

from esb.core.errors import EsbError
from esb.core.events import Observer, TokenFetched
from esb.core.lru import Recent
from esb.core.single_flight import SingleFlight
from esb.outgoing.tokens.failure_budget import FailureBudget
from esb.outgoing.tokens.key import (
    FAILURES_PER_MINUTE,
    REFUSAL_SECONDS,
    REPLACEMENT_SECONDS,
    RETRY_SECONDS,
    Fetch,
    Token,
    TokenKey,
    TokenRefused,
    lead,
)
from esb.outgoing.tokens.shared import PLACE, FleetTokens, RefusalHeard, SharedToken, key_of
from esb.store.protocol import StoreAway

__all__ = ["FAILURES_PER_MINUTE", "Fetch", "RefusalHeard", "Token", "TokenCache", "TokenKey", "TokenRefused"]


@dataclass(slots=True)
class Entry:
    """A token that is kept, and what is known of it."""

    value: str = field(repr=False)
    fetched_at: float
    expires_at: float
    refresh_at: float
    sure_until: float
    """Until then it is used without a look into the store: its end; or 0, if there is something to look for."""
    version: str = ""
    """What the store calls it; "" if it is not known there."""
    lost_track: bool = False
    """The store may have lost what it knew, or we some change of it."""
    proven: bool = False
    """The upstream has accepted it at least once."""


class TokenCache:
    """Tokens by key. Bounded: the least recently used go first."""

    def __init__(
        self,
        observer: Observer,
        clock: Callable[[], float],
        size: int = 10_000,
        fleet: FleetTokens | None = None,
    ) -> None:
        self._observer = observer
        self._clock = clock
        self._fleet = fleet
        self._tokens: Recent[TokenKey, Entry] = Recent(size)
        self._refused: TTLCache[TokenKey, EsbError] = TTLCache(size, REFUSAL_SECONDS, timer=clock)
        self._replaced: TTLCache[TokenKey, bool] = TTLCache(size, REPLACEMENT_SECONDS, timer=clock)
        self._budgets: LRUCache[tuple[str, str], FailureBudget] = LRUCache(size)
        self._flight: SingleFlight[TokenKey, str] = SingleFlight()
        self._heard = 0
        self._telling: set[asyncio.Task[None]] = set()

    async def open(self) -> None:
        """Listens to what other processes tell of their tokens."""
        if self._fleet is not None:
            await self._fleet.store.watch(self._hear)

    def at_hand(self, key: TokenKey) -> Entry | None:
        """The token for this key, if there is nothing to be done about it; None if `get` has to see."""
        entry = self._tokens.used(key)
        if entry is None:
            return None
        now = self._clock()
        return entry if now < entry.sure_until and now < entry.refresh_at else None

    async def get(self, key: TokenKey, fetch: Fetch) -> str:
        """The token for this key; `fetch` is asked if there is none, and in the background when it is about to die.

        Raises what `fetch` raises; TokenRefused again for a while without asking; Limited when too many secrets
        sent by callers were wrong for this account.
        """
        entry = self._tokens.used(key)
        if entry is not None:
            now = self._clock()
            if now < entry.sure_until:
                if now >= entry.refresh_at:
                    self._refresh(key, fetch, entry)
                return entry.value
            if now < entry.expires_at and (entry := await self._vouched(key, entry)) is not None:
                if now >= entry.refresh_at:
                    self._refresh(key, fetch, entry)
                return entry.value
        if (refused := self._refused.get(key)) is not None:
            raise refused.with_traceback(None)  # raised many times; a kept traceback would grow
        return await self._flight.run(key, lambda: self._obtained(key, fetch))

    async def forget(self, key: TokenKey, value: str) -> bool:
        """Drops the token if it still is the one that failed; whether another one is worth a try.

        It is not when this one came as a replacement and never worked: then something else is wrong, and every call
        would fetch a token in vain.
        """
        entry = self._tokens.get(key)
        if entry is None or entry.value != value:
            return True
        if not await self._worth_replacing(key, entry):
            return False
        if self._tokens.get(key) is entry:
            self._replaced[key] = True
            del self._tokens[key]
        return True

    async def _worth_replacing(self, key: TokenKey, entry: Entry) -> bool:
        """Whether a token that failed is worth another one; dropped for all processes if it is."""
        doubtful = not entry.proven and self._clock() - entry.fetched_at < REPLACEMENT_SECONDS
        if self._fleet is not None and entry.version:
            with suppress(StoreAway):  # then what we know ourselves decides
                return await self._fleet.forget(key, entry.version, doubtful=doubtful)
        return not (doubtful and key in self._replaced)

    def confirm(self, key: TokenKey, value: str) -> None:
        """The upstream has accepted this token."""
        entry = self._tokens.get(key)
        if entry is not None and entry.value == value:
            if not entry.proven and self._fleet is not None and entry.version:
                self._tell(self._fleet.prove(entry.version))
            entry.proven = True

    def age(self, key: TokenKey, value: str) -> float:
        """Seconds since this token was fetched; infinite if it is not the one at hand."""
        entry = self._tokens.get(key)
        return self._clock() - entry.fetched_at if entry is not None and entry.value == value else math.inf

    async def close(self) -> None:
        await self._flight.close()
        await asyncio.gather(*self._telling, return_exceptions=True)

    async def _obtained(self, key: TokenKey, fetch: Fetch) -> str:
        if self._fleet is None:
            return await self._fetched(key, fetch)
        heard = self._heard
        try:
            return self._adopt(key, await self._fleet.obtain(key, fetch), heard).value
        except StoreAway:
            if key.exclusive:
                raise
            return await self._fetched(key, fetch)
        except RefusalHeard:
            raise  # the store forgets it when its time is over
        except TokenRefused as refused:
            self._refused[key] = refused
            raise

    def _refresh(self, key: TokenKey, fetch: Fetch, entry: Entry) -> None:
        if key not in self._refused:
            entry.refresh_at = self._clock() + RETRY_SECONDS
            self._flight.start(key, lambda: self._refreshed(key, fetch, entry))

    async def _refreshed(self, key: TokenKey, fetch: Fetch, entry: Entry) -> str:
        """A refresh ahead of its end; the token is good until then, whatever becomes of this."""
        if self._fleet is None:
            return await self._fetched(key, fetch)
        heard = self._heard
        try:
            token = await self._fleet.refresh(key, fetch, entry.version)
        except StoreAway:
            if key.exclusive:
                raise
            return await self._fetched(key, fetch)
        return entry.value if token is None else self._adopt(key, token, heard).value

    async def _vouched(self, key: TokenKey, entry: Entry) -> Entry | None:
        """What the store has to say of a token that we know. None: that it is no more."""
        if self._fleet is None:
            return None
        heard = self._heard
        try:
            if entry.lost_track:
                mine = Token(entry.value, entry.expires_at - self._clock())
                token = await self._fleet.offer(key, mine, entry.version)
            else:
                token = await self._fleet.current(key)
        except StoreAway:
            if key.exclusive:
                raise
            return entry
        if token is not None:
            return self._adopt(key, token, heard)
        if self._tokens.get(key) is entry:
            del self._tokens[key]
        return None

    def _adopt(self, key: TokenKey, token: SharedToken, heard: int) -> Entry:
        """Keeps a copy of what the store knows. `heard` is how many changes were heard before it was asked."""
        known = self._tokens.get(key)
        if known is not None and known.version == token.version:
            entry = known
        else:
            now = self._clock()
            ends = now + token.seconds
            entry = Entry(token.value, now - token.age, ends, ends - token.lead, ends, token.version)
            entry.proven = known is not None and known.value == token.value and known.proven
            self._tokens[key] = entry
        # A change that was heard meanwhile may be one of this token. And one that dies when anybody fetches another
        # is never used without a look.
        entry.lost_track = False
        entry.sure_until = 0.0 if key.exclusive or heard != self._heard else entry.expires_at
        return entry

    def _hear(self, changed: str, version: str) -> None:
        """A token is another one from now on; or any may be, if none is named."""
        self._heard += 1
        if not changed:
            for entry in self._tokens.values():
                entry.sure_until = 0.0
                entry.lost_track = True
            return
        if changed.startswith(PLACE):
            key = key_of(changed)
            known = self._tokens.get(key)
            if known is not None and known.version != version:
                del self._tokens[key]

    def _tell(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.ensure_future(_without_store(work))
        self._telling.add(task)
        task.add_done_callback(self._telling.discard)

    # In this process alone

    async def _fetched(self, key: TokenKey, fetch: Fetch) -> str:
        started = self._clock()
        outcome = "failed"
        try:
            token = await (self._within_budget(key, fetch) if key.borrowed else fetch())
            outcome = self._keep(key, token)
        except TokenRefused as refused:
            outcome = "refused"
            self._refused[key] = refused
            raise
        else:
            return token.value
        finally:
            self._observer.emit(TokenFetched(key.platform, key.account, outcome, self._clock() - started))

    def _keep(self, key: TokenKey, token: Token) -> str:
        now = self._clock()
        known = self._tokens.get(key)
        if known is not None and known.value == token.value and now < known.expires_at:
            # The same token again does not live longer, whatever the answer says, and asking again brings it again.
            known.refresh_at = known.expires_at
            return "same"
        ends = now + token.expires_in
        self._tokens[key] = Entry(token.value, now, ends, ends - lead(token.expires_in), ends)
        return "fetched"

    async def _within_budget(self, key: TokenKey, fetch: Fetch) -> Token:
        account = (key.platform, key.account)
        budget = self._budgets.get(account)
        if budget is None:
            budget = self._budgets[account] = FailureBudget(self._clock)
        return await budget.spend(fetch)


async def _without_store(work: Coroutine[Any, Any, None]) -> None:
    with suppress(StoreAway):
        await work

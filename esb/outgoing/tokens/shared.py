"""One access token for all processes that share a store: fetched by one of them, known to all.

The token lies in the store under a version that is new with every token. Who finds none takes a lock that ends by
itself, looks once more, fetches, and leaves the token for those who wait; they look for the token, not for the lock.
Who finds that a token is dead drops the version that failed, and nothing else.
"""

import asyncio
import random
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from esb.core import json_codec
from esb.core.clock import Clock
from esb.core.errors import UpstreamError, template
from esb.core.events import Observer, TokenFetched
from esb.outgoing.tokens.failure_budget import used_up
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
from esb.store.keyspaces import AHEAD, FAILURES, FETCHING, PROVEN, REFUSED, REPLACED, TOKEN
from esb.store.protocol import Kept, Rule, Store, StoreAway, Swapped

FETCH_SECONDS = 15.0
"""The time one fetch has, so that it ends before its lock does."""
LEASE_SECONDS = 20.0
WAIT_SECONDS = 30.0
"""How long a process waits for the others; its callers have left by then."""
LOOK_SECONDS = 0.05
"""The time between two looks for a token that another process fetches."""
BUDGET_LOOKS = 20
"""How often a caller's secret looks for a place in its account's budget; those under way may give theirs back."""


class RefusalHeard(TokenRefused):
    """The upstream refused the credential when another process came with it."""


@dataclass(frozen=True, slots=True)
class SharedToken:
    """A token, the seconds that are left of it and of its age, and how long before its end it is refreshed."""

    value: str = field(repr=False)
    seconds: float
    age: float
    lead: float
    version: str


class FleetTokens:
    """What all processes know of their tokens. StoreAway from any of its methods while the store is away."""

    def __init__(self, store: Store, clock: Clock, observer: Observer) -> None:
        self.store = store
        self._clock = clock
        self._observer = observer

    async def current(self, key: TokenKey) -> SharedToken | None:
        """The token that is known now."""
        kept = await self.store.get(_place(key), strict=True)
        return None if kept is None else _shared(kept)

    async def obtain(self, key: TokenKey, fetch: Fetch) -> SharedToken:
        """The token that is known, or the one that somebody fetches; we ourselves, if nobody else does.

        Raises what `fetch` raises, and TokenRefused for a while after any process was told so.
        """
        until = self._clock() + WAIT_SECONDS
        while self._clock() < until:
            if (token := await self.current(key)) is not None:
                return token
            await self._check_refusal(key)
            lock = await self._lock(key)
            if lock.done:
                return await self._locked(key, lock, fetch, "")
            await self._clock.sleep(LOOK_SECONDS * random.uniform(0.5, 1.5))  # noqa: S311 - jitter, not a secret
        raise UpstreamError("store", "token", template("no other process brought a token"), sent=False)

    async def refresh(self, key: TokenKey, fetch: Fetch, version: str) -> SharedToken | None:
        """The token that follows this one before it dies. None: another process is on it."""
        if not await self.store.add(f"{AHEAD}:{key.name}:{version}", RETRY_SECONDS):
            return None
        await self._check_refusal(key)
        lock = await self._lock(key)
        return await self._locked(key, lock, fetch, version) if lock.done else None

    async def offer(self, key: TokenKey, mine: Token, version: str) -> SharedToken | None:
        """What is known after the store may have lost it: ours, unless there is one that lives longer.

        None if it was dropped meanwhile.
        """
        current = await self.current(key)
        if current is None and await self.store.get(f"{REPLACED}:{key.name}") is not None:
            return None
        if current is not None and (current.version == version or current.seconds >= mine.expires_in - 1):
            return current
        return await self._share(key, mine, None, "" if current is None else current.version)

    async def forget(self, key: TokenKey, version: str, *, doubtful: bool) -> bool:
        """Drops this version for everybody; whether another token is worth a try.

        `doubtful`: we have not seen it work. If it came as a replacement and nobody has, it is not replaced again.
        """
        if doubtful and await self._vain(key, version):
            current = await self.current(key)
            return current is None or current.version != version
        await self.store.put(f"{REPLACED}:{key.name}", b"", REPLACEMENT_SECONDS)
        await self.store.drop(_place(key), version)
        return True

    async def _vain(self, key: TokenKey, version: str) -> bool:
        """Whether this version replaced another just now, and nobody has seen it work."""
        if await self.store.get(f"{REPLACED}:{key.name}") is None:
            return False
        return await self.store.get(f"{PROVEN}:{version}") is None

    async def prove(self, version: str) -> None:
        """This version has worked."""
        await self.store.put(f"{PROVEN}:{version}", b"", REPLACEMENT_SECONDS)

    async def within_budget(self, key: TokenKey, fetch: Fetch) -> Token:
        """A fetch with a secret that a caller sent; Limited if too many of its account were wrong in this minute."""
        account = f"{FAILURES}:{key.platform}:{key.account}"
        rule = Rule(FAILURES_PER_MINUTE, 60.0)
        for looks in range(BUDGET_LOOKS):
            taken = await self.store.take(account, [rule])
            if not taken.over:
                break
            if looks == BUDGET_LOOKS - 1:
                raise used_up(taken.windows[0].seconds)
            await self._clock.sleep(LOOK_SECONDS)
        try:
            token = await fetch()
        except TokenRefused:
            raise
        except BaseException:
            await self._give_back(account)
            raise
        await self._give_back(account)
        return token

    async def _give_back(self, account: str) -> None:
        with suppress(StoreAway):  # one place less for a minute
            await self.store.give_back(account)

    async def _lock(self, key: TokenKey) -> Swapped:
        return await self.store.swap(f"{FETCHING}:{key.name}", "", b"", LEASE_SECONDS)

    async def _locked(self, key: TokenKey, lock: Swapped, fetch: Fetch, seen: str) -> SharedToken:
        """What a holder of the lock does: a second look, then the fetch."""
        try:
            current = await self.current(key)
            if current is not None and current.version != seen:
                return current
            await self._check_refusal(key)
            return await self._fetch(key, fetch, current)
        finally:
            with suppress(StoreAway):  # the lock ends by itself
                await self.store.drop(f"{FETCHING}:{key.name}", lock.kept.version)

    async def _fetch(self, key: TokenKey, fetch: Fetch, before: SharedToken | None) -> SharedToken:
        started = self._clock()
        outcome = "failed"
        try:
            async with asyncio.timeout(FETCH_SECONDS):
                token = await (self.within_budget(key, fetch) if key.borrowed else fetch())
            outcome = "fetched" if before is None or before.value != token.value else "same"
            return await self._share(key, token, before, "" if before is None else before.version)
        except TokenRefused as refused:
            outcome = "refused"
            with suppress(StoreAway):
                await self.store.put(f"{REFUSED}:{key.name}", _told(refused), REFUSAL_SECONDS)
            raise
        finally:
            self._observer.emit(TokenFetched(key.platform, key.account, outcome, self._clock() - started))

    async def _share(self, key: TokenKey, token: Token, before: SharedToken | None, seen: str) -> SharedToken:
        """Leaves a token for all. If another process was quicker, after our lock had ended, its token it is."""
        seconds, ahead, life = token.expires_in, lead(token.expires_in), token.expires_in
        if before is not None and before.value == token.value:
            # The same token again does not live longer, and asking again before its end brings it again.
            seconds, ahead, life = before.seconds, 0.0, before.seconds + before.age
        record = json_codec.encode({"value": token.value, "lead": ahead, "life": life})
        swapped = await self.store.swap(_place(key), seen, record, seconds)
        return _shared(swapped.kept)

    async def _check_refusal(self, key: TokenKey) -> None:
        kept = await self.store.get(f"{REFUSED}:{key.name}")
        if kept is not None:
            text, data = json_codec.decode(kept.value)
            raise RefusalHeard(text, data)


PLACE = f"{TOKEN}:"
"""What the tokens' keys in the store begin with."""


def _place(key: TokenKey) -> str:
    return f"{PLACE}{key.name}"


def key_of(place: str) -> TokenKey:
    """Whose token lies there."""
    return TokenKey.named(place.removeprefix(PLACE))


def _shared(kept: Kept) -> SharedToken:
    record: dict[str, Any] = json_codec.decode(kept.value)
    return SharedToken(
        record["value"], kept.seconds, max(0.0, record["life"] - kept.seconds), record["lead"], kept.version
    )


def _told(refused: TokenRefused) -> bytes:
    """A refusal for the other processes. Texts in it are English from now on."""
    try:
        return json_codec.encode([str(refused), refused.data], str)
    except TypeError:
        return json_codec.encode([str(refused), None])

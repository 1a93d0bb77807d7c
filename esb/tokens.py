"""Access tokens of upstream systems, in memory: when one is fetched, refreshed ahead, and thrown away.

The rules are what WeChat's tokens need and survive: one fetch however many ask at once; a refresh in the background
before a token dies; a token is dropped only by who names its value, so a late failure cannot throw a fresh one away;
a secret that was refused is not tried again for a while, because WeChat bans addresses that keep trying.
"""

import asyncio
import math
import random
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from cachetools import LRUCache, TTLCache

from esb.errors import EsbError, Limited
from esb.flight import SingleFlight
from esb.observe import Observer, TokenFetched

REFUSAL_SECONDS = 60.0
"""How long a refused secret is remembered."""
FAILURES_PER_MINUTE = 20
"""How many fetches with secrets that callers send may fail, per account and minute."""
REPLACEMENT_SECONDS = 30.0
"""How long a replacement that never worked is not replaced again."""
RETRY_SECONDS = 30.0
"""The least time between two refreshes ahead of expiry, and between two drops of one and the same token."""


class TokenRefused(EsbError):
    """The upstream refused the credential itself; asking again with it is pointless and may be punished."""


@dataclass(frozen=True, slots=True)
class TokenKey:
    """Which token: the platform, the account (appid or corpid), a digest of the secret, and the kind.

    `borrowed`: the secret came with a call, not from the configuration.
    """

    platform: str
    account: str
    secret_digest: str = field(repr=False)
    kind: str = ""
    borrowed: bool = False


@dataclass(frozen=True, slots=True)
class Token:
    """What a fetch brings: the token and its life in seconds."""

    value: str = field(repr=False)
    expires_in: float


@dataclass(slots=True)
class _Entry:
    value: str
    fetched_at: float
    expires_at: float
    refresh_at: float
    proven: bool = False
    """The upstream has accepted it at least once."""


Fetch = Callable[[], Awaitable[Token]]


class TokenCache:
    """Tokens by key. Bounded: the least recently used go first."""

    def __init__(self, observer: Observer, clock: Callable[[], float], size: int = 10_000) -> None:
        self._observer = observer
        self._clock = clock
        self._tokens: LRUCache[TokenKey, _Entry] = LRUCache(size)
        self._refused: TTLCache[TokenKey, EsbError] = TTLCache(size, REFUSAL_SECONDS, timer=clock)
        self._replaced: TTLCache[TokenKey, bool] = TTLCache(size, REPLACEMENT_SECONDS, timer=clock)
        self._budgets: LRUCache[tuple[str, str], _FailureBudget] = LRUCache(size)
        self._flight: SingleFlight[TokenKey, str] = SingleFlight()

    async def get(self, key: TokenKey, fetch: Fetch) -> str:
        """The token for this key; `fetch` is asked if there is none, and in the background when it is about to die.

        Raises what `fetch` raises; TokenRefused again for a while without asking; Limited when too many secrets
        sent by callers were wrong for this account.
        """
        entry = self._tokens.get(key)
        if entry is not None:
            now = self._clock()
            if now < entry.expires_at:
                if now >= entry.refresh_at and key not in self._refused:
                    entry.refresh_at = now + RETRY_SECONDS
                    self._flight.start(key, lambda: self._fetch(key, fetch))
                return entry.value
        if (refused := self._refused.get(key)) is not None:
            raise refused.with_traceback(None)  # raised many times; a kept traceback would grow
        return await self._flight.run(key, lambda: self._fetch(key, fetch))

    async def forget(self, key: TokenKey, value: str) -> bool:
        """Drops the token if it still is the one that failed; whether another one is worth a try.

        It is not when this one came as a replacement and never worked: then something else is wrong, and every call
        would fetch a token in vain.
        """
        entry = self._tokens.get(key)
        if entry is None or entry.value != value:
            return True
        now = self._clock()
        if key in self._replaced and not entry.proven and now - entry.fetched_at < REPLACEMENT_SECONDS:
            return False
        self._replaced[key] = True
        del self._tokens[key]
        return True

    def confirm(self, key: TokenKey, value: str) -> None:
        """The upstream has accepted this token."""
        entry = self._tokens.get(key)
        if entry is not None and entry.value == value:
            entry.proven = True

    def age(self, key: TokenKey, value: str) -> float:
        """Seconds since this token was fetched; infinite if it is not the one at hand."""
        entry = self._tokens.get(key)
        return self._clock() - entry.fetched_at if entry is not None and entry.value == value else math.inf

    async def close(self) -> None:
        await self._flight.close()

    async def _fetch(self, key: TokenKey, fetch: Fetch) -> str:
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
        lead = min(300.0, token.expires_in / 10) * random.uniform(0.8, 1.0)  # noqa: S311 - jitter, not a secret
        expires_at = now + token.expires_in
        self._tokens[key] = _Entry(token.value, now, expires_at, expires_at - lead)
        return "fetched"

    async def _within_budget(self, key: TokenKey, fetch: Fetch) -> Token:
        account = (key.platform, key.account)
        budget = self._budgets.get(account)
        if budget is None:
            budget = self._budgets[account] = _FailureBudget(self._clock)
        return await budget.spend(fetch)


class _FailureBudget:
    """At most FAILURES_PER_MINUTE refused fetches in any minute: those under way count as if they would fail."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._failures: deque[float] = deque()
        self._under_way = 0
        self._changed = asyncio.Condition()

    async def spend(self, fetch: Fetch) -> Token:
        async with self._changed:
            await self._changed.wait_for(self._decided)
            if self._exhausted():
                raise Limited(
                    "Too many refused secrets for this account, please check wx_qy_corpsecret and try again later",
                    retry_after=max(1.0, round(self._failures[0] + 60 - self._clock(), 1)),
                )
            self._under_way += 1
        try:
            return await fetch()
        except TokenRefused:
            self._failures.append(self._clock())
            raise
        finally:
            self._under_way -= 1
            async with self._changed:
                self._changed.notify_all()

    def _decided(self) -> bool:
        return self._exhausted() or len(self._failures) + self._under_way < FAILURES_PER_MINUTE

    def _exhausted(self) -> bool:
        while self._failures and self._failures[0] <= self._clock() - 60:
            self._failures.popleft()
        return len(self._failures) >= FAILURES_PER_MINUTE

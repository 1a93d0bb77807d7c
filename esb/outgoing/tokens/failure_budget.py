"""A limit for wrong secrets that callers send for one account: an upstream bans addresses that try too many."""

import asyncio
from contextlib import suppress
from dataclasses import dataclass, field

from esb.core.clock import Clock
from esb.core.errors import Limited
from esb.outgoing.tokens.key import Fetch, Token, TokenKey, TokenRefused
from esb.store.keyspaces import FAILURES
from esb.store.protocol import Rule, Store, StoreAway

FAILURES_PER_MINUTE = 20
"""The most refused fetches with secrets that callers send, per account and minute."""
RULES = (Rule(FAILURES_PER_MINUTE, 60.0),)
LOOK_SECONDS = 0.05
"""The time between two looks for a permit that another process may give back."""
LOOKS = 20
"""The most looks for it."""


@dataclass(slots=True)
class UnderWay:
    """Fetches of one account that this process has under way; `ended` is set when one of them has ended."""

    number: int = 0
    ended: asyncio.Event = field(default_factory=asyncio.Event)


class FailureBudget:
    """At most FAILURES_PER_MINUTE refused fetches of an account in any minute, counted in the store.

    Fetches under way count as if they would be refused; without a permit, a fetch waits for them to end.
    """

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self._accounts: dict[str, UnderWay] = {}

    async def spend(self, key: TokenKey, fetch: Fetch) -> Token:
        """Return the token from `fetch`. Limited, without a fetch, if too many of this account were refused."""
        account = f"{FAILURES}:{key.platform}:{key.account}"
        await self._take(account, key)
        under_way = self._accounts.setdefault(account, UnderWay())
        under_way.number += 1
        refused = False
        try:
            return await fetch()
        except TokenRefused:
            refused = True
            raise
        finally:
            try:
                if not refused:
                    await self._give_back(account)
            finally:
                self._end(account, under_way)

    async def _take(self, account: str, key: TokenKey) -> None:
        """Take a permit as soon as there is one. Limited when none of those taken is given back."""
        looks = LOOKS if self._store.shared else 0
        while (taken := await self._store.take(account, RULES)).over:
            under_way = self._accounts.get(account)
            if under_way is not None:
                await under_way.ended.wait()
            elif looks:
                looks -= 1
                await self._clock.sleep(LOOK_SECONDS)
            else:
                raise _used_up(key, taken.windows[0].seconds)

    async def _give_back(self, account: str) -> None:
        with suppress(StoreAway):  # one permit less for a minute
            await self._store.give_back(account)

    def _end(self, account: str, under_way: UnderWay) -> None:
        under_way.number -= 1
        if not under_way.number:
            del self._accounts[account]
        under_way.ended.set()
        under_way.ended = asyncio.Event()


def _used_up(key: TokenKey, seconds: float) -> Limited:
    """Return the error for a caller who sends yet another secret."""
    return Limited(
        "Too many refused secrets for this account, please check {parameter} and try again later",
        parameter=key.secret_parameter,
        retry_after=max(1.0, round(seconds, 1)),
    )

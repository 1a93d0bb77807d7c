"""A limit for wrong secrets that callers send for one account: an upstream bans addresses that try too many."""

import asyncio
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field

from esb.core.clock import Clock
from esb.core.errors import Limited
from esb.core.reasons import Reason
from esb.outgoing.tokens.key import Fetch, Token, TokenKey, TokenRefused
from esb.store.keyspaces import FAILURES, word
from esb.store.protocol import Rule, Store, StoreAway

FAILURES_PER_MINUTE = 20
"""The most refused fetches with secrets that callers send, per account and minute."""
FAILURES_PER_APP = FAILURES_PER_MINUTE // 2
"""The most of them for secrets that one app sends: the rest is for the others, whatever one of them tries."""
LOOK_SECONDS = 0.05
"""The time between two looks for a permit that another process may give back."""
LOOKS = 20
"""The most looks for it."""


@dataclass(slots=True)
class UnderWay:
    """Fetches under one rule that this process has under way; `ended` is set when one of them has ended."""

    number: int = 0
    ended: asyncio.Event = field(default_factory=asyncio.Event)


class FailureBudget:
    """At most FAILURES_PER_MINUTE refused fetches of an account in any minute, and FAILURES_PER_APP for one app.

    Both are counted in the store. Fetches under way count as if they would be refused; without a permit, a fetch waits
    for them to end.
    """

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self._under_way: dict[str, UnderWay] = {}

    async def spend(self, key: TokenKey, fetch: Fetch) -> Token:
        """Return the token from `fetch`. Limited, without a fetch, if too many of this account were refused."""
        account = f"{FAILURES}:{key.platform}:{word(key.account)}"
        rules = {f"{account}:{word(key.app)}": FAILURES_PER_APP, account: FAILURES_PER_MINUTE}
        await self._take(rules, key)
        for name in rules:
            self._under_way.setdefault(name, UnderWay()).number += 1
        refused = False
        try:
            return await fetch()
        except TokenRefused:
            refused = True
            raise
        finally:
            try:
                if not refused:
                    await self._give_back(rules)
            finally:
                for name in rules:
                    self._end(name)

    async def _take(self, rules: Mapping[str, int], key: TokenKey) -> None:
        """Take a permit of each rule as soon as there are. Limited when none of those taken is given back."""
        looks = LOOKS if self._store.shared else 0
        while (over := await self._over(rules)) is not None:
            name, seconds = over
            under_way = self._under_way.get(name)
            if under_way is not None:
                await under_way.ended.wait()
            elif looks:
                looks -= 1
                await self._clock.sleep(LOOK_SECONDS)
            else:
                raise _used_up(key, seconds)

    async def _over(self, rules: Mapping[str, int]) -> tuple[str, float] | None:
        """Take a permit of each rule, or of none: then return the rule that is over, and for how many seconds."""
        taken: list[str] = []
        for name, limit in rules.items():
            result = await self._store.take(name, (Rule(limit, 60.0),))
            if result.over:
                await self._give_back(taken)
                return name, result.windows[0].seconds
            taken.append(name)
        return None

    async def _give_back(self, names: Iterable[str]) -> None:
        with suppress(StoreAway):  # one permit less for a minute
            for name in names:
                await self._store.give_back(name)

    def _end(self, name: str) -> None:
        under_way = self._under_way[name]
        under_way.number -= 1
        if not under_way.number:
            del self._under_way[name]
        under_way.ended.set()
        under_way.ended = asyncio.Event()


def _used_up(key: TokenKey, seconds: float) -> Limited:
    """Return the error for a caller who sends yet another secret."""
    return Limited(
        "Too many refused secrets for this account, please check {parameter} and try again later",
        call_reason=Reason.FAILURES_LIMITED,
        parameter=key.secret_parameter,
        retry_after=max(1.0, round(seconds, 1)),
    )

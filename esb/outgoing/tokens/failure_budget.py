"""How many wrong secrets callers may try for one account: an upstream bans addresses that try too many."""

import asyncio
from collections import deque
from collections.abc import Callable

from esb.core.errors import Limited
from esb.outgoing.tokens.key import FAILURES_PER_MINUTE, Fetch, Token, TokenRefused


class FailureBudget:
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
                raise used_up(self._failures[0] + 60 - self._clock())
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


def used_up(seconds: float) -> Limited:
    """What is told to who comes with yet another secret."""
    return Limited(
        "Too many refused secrets for this account, please check wx_qy_corpsecret and try again later",
        retry_after=max(1.0, round(seconds, 1)),
    )

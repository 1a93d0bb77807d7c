"""An upstream that gives out access tokens, and what tests read of a cache of them."""

import asyncio

from esb.core.events import Event, TokenFetched
from esb.outgoing.tokens.cache import Token, TokenCache, TokenKey

KEY = TokenKey("qy", "ww0000000000000001", "digest")
LIFE = 7200.0


class Upstream:
    """Gives out tokens: a new one every time, unless told otherwise."""

    def __init__(self) -> None:
        self.fetched = 0
        self.inside = 0
        self.most = 0
        self.life = LIFE
        self.same = ""
        self.error: Exception | None = None
        self.open = asyncio.Event()
        self.open.set()

    async def __call__(self) -> Token:
        self.fetched += 1
        number = self.fetched
        self.inside += 1
        self.most = max(self.most, self.inside)
        try:
            await self.open.wait()
            await asyncio.sleep(0)
        finally:
            self.inside -= 1
        if self.error is not None:
            raise self.error
        return Token(self.same or f"token {number}", self.life)


def borrowed(number: int) -> TokenKey:
    """The key of a secret that a caller sent."""
    return TokenKey("qy", "ww0000000000000001", f"digest {number}", borrowed=True)


def at_hand(cache: TokenCache, key: TokenKey = KEY) -> str | None:
    """The value of the token that is at hand."""
    entry = cache.at_hand(key)
    return None if entry is None else entry.value


def outcomes(events: list[Event]) -> list[str]:
    """How the fetches ended, in order."""
    return [event.outcome for event in events if isinstance(event, TokenFetched)]

"""An upstream that gives out access tokens, the keys that they are known by, and the stores that they lie in."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from uuid import uuid4

import pytest

from esb.core.events import Event, Observer, TokenFetched
from esb.outgoing.tokens.cache import TokenCache
from esb.outgoing.tokens.key import Token, TokenKey
from esb.store.encryption import ValueCipher
from esb.store.redis import RedisStore
from esb.testing.redis_server import KEY as FERNET_KEY
from tests.support.servers.redis_server import RedisServer, patience

KEY = TokenKey("qy", "ww0000000000000001", "digest")
LIFE = 7200.0

IN_EVERY_STORE = pytest.mark.parametrize("store", ["memory", "redis"], indirect=True)
"""For tests that move no clock: the time of a Redis server is real."""


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


def borrowed(number: int, account: str = KEY.account, app: str | None = None) -> TokenKey:
    """The key of a secret that a caller sent: one of two apps in turn, if none is named."""
    app = f"app {number // 10 % 2}" if app is None else app
    return TokenKey("qy", account, f"digest {number}", secret_parameter="wx_qy_corpsecret", app=app)


def at_hand(cache: TokenCache, key: TokenKey = KEY) -> str | None:
    """The value of the token that is at hand."""
    entry = cache.at_hand(key)
    return None if entry is None else entry.value


def outcomes(events: list[Event]) -> list[str]:
    return [event.outcome for event in events if isinstance(event, TokenFetched)]


@asynccontextmanager
async def redis_stores(server: RedisServer, number: int) -> AsyncIterator[list[RedisStore]]:
    """One store in this server, as so many processes see it."""
    prefix = f"{uuid4()}:"
    stores = [RedisStore(server.url, prefix, ValueCipher([FERNET_KEY]), Observer()) for _ in range(number)]
    with patience():
        try:
            for store in stores:
                await store.open()
            yield stores
        finally:
            for store in stores:
                await store.close()

"""The means of a process as `create_app` makes them, for tests of what they are lent to."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from esb.contracts.services import Means
from esb.core.clock import Clock
from esb.core.events import Observer
from esb.outgoing.bulkhead import Lanes
from esb.outgoing.client import Outgoing
from esb.outgoing.tokens.cache import TokenCache
from esb.store.memory import MemoryStore


def make_means(clock: Clock, observer: Observer | None = None) -> Means:
    """Nothing of it is open."""
    observer = observer or Observer()
    return Means(
        Outgoing(observer),
        TokenCache(observer, clock),
        MemoryStore(clock, 1000),
        clock,
        Lanes(clock, 1000),
        observer,
    )


@asynccontextmanager
async def open_means(clock: Clock, observer: Observer | None = None) -> AsyncIterator[Means]:
    """Open, and closed at the end."""
    means = make_means(clock, observer)
    means.http.open()
    yield means
    await means.tokens.close()
    await means.http.close()

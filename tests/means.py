"""The means of a process as `create_app` makes them, for tests of what they are lent to."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from esb.clock import Clock
from esb.lanes import Lanes
from esb.observe import Observer
from esb.outgoing import Outgoing
from esb.services import Means
from esb.store.memory import MemoryStore
from esb.tokens import TokenCache


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

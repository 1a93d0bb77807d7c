"""The services of a process as `create_app` makes them, for tests of what they are lent to."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from esb.contracts.services import ProcessServices
from esb.core.clock import Clock
from esb.core.events import Observer
from esb.outgoing.bulkhead import Bulkheads
from esb.outgoing.client import Outgoing
from esb.outgoing.tokens.cache import TokenCache
from esb.store.memory import MemoryStore


def make_process_services(clock: Clock, observer: Observer | None = None) -> ProcessServices:
    """Nothing of it is open."""
    observer = observer or Observer()
    store = MemoryStore(clock, 1000)
    return ProcessServices(
        Outgoing(observer),
        TokenCache(store, observer, clock),
        store,
        clock,
        Bulkheads(clock, 1000),
        observer,
        None,
        store,
    )


@asynccontextmanager
async def open_process_services(clock: Clock, observer: Observer | None = None) -> AsyncIterator[ProcessServices]:
    """Open, and closed at the end."""
    services = make_process_services(clock, observer)
    services.http.open()
    yield services
    await services.tokens.close()
    await services.http.close()

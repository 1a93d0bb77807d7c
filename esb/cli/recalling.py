"""Recalls from the command line: by components that are built like those of a gateway, and not opened."""

import asyncio
import uuid
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial

from esb.cli.beside import beside_gateway
from esb.config import ConfigSource
from esb.core.call import Call
from esb.core.clock import SystemClock
from esb.database.delivery_changes import Hindrance
from esb.delivery.content import NOBODYS
from esb.delivery.delivery_paths import hindered
from esb.delivery.ledger import Ledger
from esb.delivery.recalling import recall
from esb.gateway.app import Gateway
from esb.gateway.links import component_of

SECONDS = 30.0
"""The time that all requests of a recall have together, as one that an app asks for."""


async def recalled(source: ConfigSource, ledger: Ledger, identity: str) -> int:
    """Take back the messages of a delivery; return how many. EsbError if one is not. ConfigError."""
    view = await ledger.delivery(identity)
    if view is None:
        raise hindered(Hindrance.UNKNOWN)
    call = Call(
        id=uuid.uuid4().hex,
        method="POST",
        path="",
        component=view["delivery"]["component"],
        deadline=asyncio.get_running_loop().time() + SECONDS,
        timeout=SECONDS,
        headers={},
        credentials=NOBODYS,
        args={},
    )
    async with beside_gateway(source) as config, _calling_out(Gateway(config, (), SystemClock(), None)) as gateway:
        return await recall(ledger, partial(component_of, gateway.generation.links), call, view)


@asynccontextmanager
async def _calling_out(gateway: Gateway) -> AsyncIterator[Gateway]:
    """Open what requests to platforms need, and nothing else of the gateway."""
    async with AsyncExitStack() as stack:
        stack.push_async_callback(gateway.http.close)
        stack.push_async_callback(gateway.store.close)
        stack.push_async_callback(gateway.tokens.close)
        if gateway.database is not None:
            stack.push_async_callback(gateway.database.close)
        gateway.http.open()
        await gateway.tokens.open()
        await gateway.store.open()
        yield gateway

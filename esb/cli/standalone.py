"""The configuration for commands that work by themselves, beside a running gateway or without one."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

from esb.config import Config, ConfigSource
from esb.server.deployment import configured
from esb.server.listener import CannotListen
from esb.server.sandbox import running


@asynccontextmanager
async def standalone_config(source: ConfigSource) -> AsyncIterator[Config]:
    """Yield what the source describes, beside its sandbox: one of our own if that of a gateway does not run."""
    async with AsyncExitStack() as stack:
        try:
            config = (await stack.enter_async_context(configured(source))).config
        except CannotListen:
            config = source.resolve()
            if config.sandbox is not None:
                config = source.resolve(sandbox=await asyncio.to_thread(running, config.sandbox))
        yield config

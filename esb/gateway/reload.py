"""Reload on request: the configuration is read again, and the gateway answers by it."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress

from esb.config import Config
from esb.core.errors import ConfigError
from esb.core.events import crash
from esb.gateway.app import Gateway


class Reloading:
    """One reload at a time; who asks during one is served by the next. What came of each is told as an event."""

    def __init__(self, gateway: Gateway, load: Callable[[], Config]) -> None:
        self.last_read = gateway.config
        self._gateway = gateway
        self._load = load
        self._asked = asyncio.Event()
        self._lock = asyncio.Lock()

    def ask(self) -> None:
        """Asks for a reload, soon. For signal handlers."""
        self._asked.set()

    async def run(self) -> None:
        """Reloads whenever it was asked for."""
        while True:
            await self._asked.wait()
            self._asked.clear()
            with suppress(ConfigError):  # told already
                await self.reload()

    async def reload(self) -> None:
        """Reloads now. ConfigError with all mistakes: nothing has changed."""
        async with self._lock:
            try:
                self.last_read = await asyncio.to_thread(self._load)
                await self._gateway.reload(self.last_read)
            except ConfigError:
                raise
            except Exception as error:  # noqa: BLE001 - a bug in here must not end a gateway that answers
                self._gateway.observer.emit(crash("", "reloading", error))

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Takes requests for a reload inside."""
        task = asyncio.create_task(self.run())
        try:
            yield
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

"""Reload on request: the configuration is read again and applied, in one process or in many."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager

from esb.config import Config
from esb.core.errors import ConfigError
from esb.core.events import Observer
from esb.core.whenever import whenever


class Reloader:
    """Reload on request, one at a time; who asks during one is served by the next. `apply` emits the outcome."""

    def __init__(
        self,
        config: Config,
        read: Callable[[], Config],
        apply: Callable[[Config], Awaitable[None]],
        observer: Observer,
        applied: Callable[[], Awaitable[None]] | None = None,
    ) -> None:
        """`read` reads the configuration again, in a thread; `apply` raises ConfigError if nothing has changed.

        `applied` is awaited after each that was.
        """
        self.last_read = config
        self._read = read
        self._apply = apply
        self._observer = observer
        self._applied = applied
        self._lock = asyncio.Lock()

    async def reload(self) -> None:
        """Reload now. ConfigError with all mistakes: nothing has changed."""
        async with self._lock:
            try:
                self.last_read = await asyncio.to_thread(self._read)
                await self._apply(self.last_read)
                if self._applied is not None:
                    await self._applied()
            except ConfigError:
                raise
            except Exception as error:  # noqa: BLE001 - a bug in here must not end a gateway that answers
                self._observer.crashed("", "reloading", error)

    def following(self, requested: asyncio.Event) -> AbstractAsyncContextManager[None]:
        """Reload whenever this event is set, until the context is left."""
        return whenever(requested, self.reload, told=ConfigError)

"""Reload on request: the configuration is read again and applied, in one process or in many."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from functools import partial

from esb.config import Config
from esb.core.errors import ConfigError, Mistake
from esb.core.events import Observer
from esb.core.whenever import whenever

START, SIGNAL = "start", "SIGHUP"
"""Those who load a configuration without a name."""
MOST_MISTAKES = 200
"""Mistakes of a refused reload that are remembered."""


@dataclass(frozen=True, slots=True)
class Loaded:
    """A configuration that answers, or did: since when (seconds since 1970), and who asked for it."""

    config: Config = field(repr=False)
    at: float
    by: str


@dataclass(frozen=True, slots=True)
class Refusal:
    """A reload that was refused: when (seconds since 1970), who asked, the first mistakes, and how many there are."""

    at: float
    by: str
    mistakes: Sequence[Mistake]
    number: int


class Reloader:
    """Reload on request, one at a time; who asks during one is served by the next. `apply` emits the outcome.

    Where operators have a listener to ask, the configuration before the present one is kept, to tell what has changed.
    """

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
        self.present = Loaded(config, time.time(), START)
        self.previous: Loaded | None = None
        self.refused: Refusal | None = None
        """The last reload that was refused, whatever came after it."""
        self._read = read
        self._apply = apply
        self._observer = observer
        self._applied = applied
        self._lock = asyncio.Lock()

    async def reload(self, by: str = "") -> None:
        """Reload now, in the name of whoever asks. ConfigError with all mistakes: nothing has changed."""
        async with self._lock:
            try:
                self.last_read = await asyncio.to_thread(self._read)
                await self._apply(self.last_read)
                self._note(self.last_read, by)
                if self._applied is not None:
                    await self._applied()
            except ConfigError as error:
                mistakes = error.mistakes
                self.refused = Refusal(time.time(), by, mistakes[:MOST_MISTAKES], len(mistakes))
                raise
            except Exception as error:  # noqa: BLE001 - a bug in here must not end a gateway that answers
                self._observer.crashed("", "reloading", error)

    def _note(self, config: Config, by: str) -> None:
        is_asked = config.server.admin is not None or config.server.portal is not None
        self.previous = self.present if is_asked else None
        self.present = Loaded(config, time.time(), by)

    def following(self, requested: asyncio.Event) -> AbstractAsyncContextManager[None]:
        """Reload whenever this event is set by a signal, until the context is left."""
        return whenever(requested, partial(self.reload, SIGNAL), told=ConfigError)

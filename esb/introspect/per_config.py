"""Something that is worked out of a configuration when somebody asks, in a thread, and once: it may take a second."""

import asyncio
from collections.abc import Callable
from typing import Generic, TypeVar

from esb.config import Config

T = TypeVar("T")


class PerConfig(Generic[T]):
    """The result for the configurations that were asked of last; others that ask meanwhile wait for it."""

    def __init__(self, work_out: Callable[..., T]) -> None:
        """`work_out` takes the configurations, in a thread."""
        self._work_out = work_out
        self._lock = asyncio.Lock()
        self._found: tuple[tuple[Config, ...], T] | None = None

    async def of(self, *configs: Config) -> T:
        """Return the result for these configurations."""
        async with self._lock:
            known = self._found
            if known is not None and [*map(id, known[0])] == [*map(id, configs)]:
                return known[1]
            found = await asyncio.to_thread(self._work_out, *configs)
            self._found = configs, found
            return found

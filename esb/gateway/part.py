"""A service, middleware or component from its stanza to its end; a service may pass from generation to generation."""

import asyncio
from typing import Any

from pydantic import BaseModel

from esb.config import Stanza
from esb.contracts.lifecycle import Lifecycle
from esb.core.errors import ConfigError
from esb.gateway.plugin_loader import reason

OPEN_SECONDS = 30.0
"""The time that all parts of a generation have to open; a supervisor waits longer for its workers."""
HEALTH_SECONDS = 2.0
"""The time that one part has to say how it is."""


class Part:
    """An instance of a stanza's class, held by one or several generations: the last that lets go of it closes it.

    `name` is how its health is told. A class need not have any method of Lifecycle.
    """

    def __init__(self, name: str, stanza: Stanza, config: BaseModel, instance: Any) -> None:
        self.name = name
        self.instance = instance
        self.stanza = stanza
        self.config = config
        self._holders = 0
        self._is_open = False

    def is_built_from(self, found: type[Any], config: BaseModel) -> bool:
        """Return whether this class and config would make the same part."""
        return type(self.instance) is found and self.config == config

    @property
    def tells_health(self) -> bool:
        """True if its class has a `health` of its own."""
        return getattr(type(self.instance), "health", Lifecycle.health) is not Lifecycle.health

    def hold(self) -> None:
        """Count one more generation that uses it."""
        self._holders += 1

    async def open(self, deadline: float) -> None:
        """Open it, unless another generation has. ConfigError at the place of its stanza if that fails.

        `deadline` is in the event loop's time.
        """
        if self._is_open:
            return
        try:
            async with asyncio.timeout_at(deadline) as limit:
                if hasattr(self.instance, "open"):
                    await self.instance.open()
        except Exception as error:
            why = f"not all was open within {OPEN_SECONDS:g} seconds" if limit.expired() else reason(error)
            text = f"'{self.stanza.use}' failed to open: {why}"
            raise ConfigError([self.stanza.section.mistake(text, "use")]) from error
        self._is_open = True

    async def health(self) -> str:
        """Return its name and what is wrong with it; "" if nothing is."""
        try:
            async with asyncio.timeout(HEALTH_SECONDS):
                trouble = await self.instance.health()
        except TimeoutError:
            trouble = "does not say how it is"
        except Exception as error:  # noqa: BLE001 - one that fails to tell must not keep the others from it
            trouble = type(error).__name__  # its text may quote a secret
        return f"{self.name}: {trouble}" if trouble else ""

    async def release(self) -> None:
        """Count one generation less; after the last, close it."""
        self._holders -= 1
        if self._holders or not self._is_open:
            return
        self._is_open = False
        if hasattr(self.instance, "close"):
            await self.instance.close()

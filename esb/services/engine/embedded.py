"""deliveries.engine, use: embedded: who accepts a delivery delivers it; other processes find what it leaves."""

from collections.abc import Callable, Sequence

from esb.contracts.lifecycle import NoConfig
from esb.contracts.services import ProcessServices


class EmbeddedEngine:
    """Wakes the deliverer of this process, and nobody else."""

    service = "engine"
    config_type = NoConfig
    trouble = ""

    def __init__(self, config: NoConfig, services: ProcessServices) -> None:
        """Take the config, in which there is nothing."""
        self._wake: Callable[[], None] | None = None

    async def open(self, wake: Callable[[], None] | None) -> None:
        """Begin; `wake` is the deliverer's, None if there is none in this process."""
        self._wake = wake

    async def announce(self, deliveries: Sequence[str]) -> None:
        """Wake the deliverer."""
        if self._wake is not None:
            self._wake()

    async def close(self) -> None:
        """Wake nobody any more."""
        self._wake = None

"""The contract of an engine: it tells processes that deliveries are due, and may forget to.

The database alone holds what is to be delivered; whoever waits on an engine looks there by itself as well.
"""

from collections.abc import Callable, Sequence
from typing import Protocol


class Engine(Protocol):
    """Wakes those who deliver. Its back ends are files of esb/services/engine."""

    @property
    def trouble(self) -> str:
        """The reason, in a few words, why it cannot be used now; "" if it can."""
        ...

    async def open(self, wake: Callable[[], None] | None) -> None:
        """Begin. `wake` is called when there may be work; None in a process that only accepts. Away is no error."""
        ...

    async def announce(self, deliveries: Sequence[str]) -> None:
        """Say that these deliveries are due. It raises nothing and keeps nobody waiting: others look by themselves."""
        ...

    async def close(self) -> None:
        """End, and release what is open."""
        ...

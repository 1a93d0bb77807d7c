"""The life of all that esb.yaml can name: built from its stanza, opened, used, asked how it is, and closed."""

from collections.abc import Sequence
from typing import TypeVar

from pydantic import BaseModel

from esb.config import ConfigModel
from esb.contracts.checks import Check
from esb.contracts.probes import Probes

ConfigT = TypeVar("ConfigT", bound=BaseModel)


class NoConfig(ConfigModel):
    """The config of something that has nothing to configure."""


class Lifecycle:
    """The base of components, middlewares and services. By default, opening, health and closing do nothing.

    The constructor takes the checked config and what the gateway lends. It does no I/O: `esb check` builds everything.
    """

    async def open(self) -> None:
        """Open what needs I/O, such as a pool: before the first call, services first, then middlewares and components.

        An error stops the start, or the reload, which then changes nothing. The text of an EsbError is told, of any
        other error only where it arose. Whoever raises has ended what it began: `close` will not be called.
        """

    async def health(self) -> str:
        """Return "" when well, or else what is wrong in a few words, which callers can read: no secret, no address."""
        return ""

    def checks(self, probes: Probes) -> Sequence[Check]:
        """Return what `esb doctor` looks at, with these probes: see Check. It is built by then, and was not opened."""
        return ()

    async def close(self) -> None:
        """End what this has begun, after the last call, in reverse. What it was lent stays open."""

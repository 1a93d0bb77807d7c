"""The processes that answer calls, be it one or many, as those who run the gateway see them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from esb.config import Config
from esb.gateway.app import Gateway
from esb.telemetry.metrics import Snapshot, Tally

OK = "ok"


@dataclass(frozen=True, slots=True)
class Process:
    """What one process that answers calls says of itself. `health` is ok, starting or draining."""

    health: str
    in_flight: int
    generation: int
    counted: Snapshot


def state(gateway: Gateway, tally: Tally) -> Process:
    """How this process is."""
    ingress = gateway.ingress
    health = "draining" if ingress.draining else OK if ingress.ready else "starting"
    return Process(health, len(ingress.in_flight), gateway.generation.number, tally.snapshot())


class Fleet(Protocol):
    """All of them."""

    def config(self) -> Config:
        """What answers calls now."""
        ...

    async def processes(self) -> Sequence[Process]:
        """Those that answer calls, or should."""
        ...

    def past(self) -> Sequence[Snapshot]:
        """What processes that have ended had counted: no number may ever go down."""
        ...

    async def reload(self) -> None:
        """Reads the configuration again, everywhere. ConfigError with all mistakes: nothing has changed."""
        ...

"""The processes that answer calls, be it one or many, as those who run the gateway see them."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

from esb.config import Config
from esb.core.delivery_ages import DeliveryAges
from esb.gateway.app import Gateway
from esb.incoming.admission import Load
from esb.introspect.explain import Asked, explained
from esb.server.process_details import ProcessDetails, details_of
from esb.server.recalls import Recalled, RecallWanted, recalled
from esb.telemetry.metrics import Snapshot, Tally

OK = "ok"
ANSWER_SECONDS = 5.0
"""Seconds for a process to tell its status; after them it counts as starting."""
SCRAPE_SECONDS = 0.7
"""Seconds that a scrape waits for it, of the few that Prometheus gives. Who is busy meanwhile is as it was just now."""
NOTHING = Load()


@dataclass(frozen=True, slots=True)
class ProcessStatus:
    """Health of one process that answers calls, and what it has counted. `health` is ok, starting or draining."""

    health: str
    in_flight: int
    generation: int
    counted: Snapshot
    load: Load = NOTHING
    last_good: bool = False
    """True while the last good configuration answers, since esb.yaml was wrong at the start."""
    apps_age: float | None = None
    """The seconds since the database last confirmed the apps; None if they lie in none."""
    ages: DeliveryAges | None = None
    """The ages of what waits and ought not to; None if nothing is delivered here, or it is not yet known."""


class Described(NamedTuple):
    """A process as its status tells, and as it tells itself where it is asked; None if it does not answer."""

    status: ProcessStatus
    details: ProcessDetails | None


class Processes(Protocol):
    """All processes that answer the calls of one gateway."""

    def config(self) -> Config:
        """Return the configuration by which they answer now."""
        ...

    async def statuses(self, within: float = ANSWER_SECONDS) -> Sequence[ProcessStatus]:
        """Return, in so many seconds, the status of each that answers calls, or should; its last, if it is busy.

        Its counts hold those of the processes whose place it has taken: none may ever go down.
        """
        ...

    async def described(self, within: float = ANSWER_SECONDS) -> Sequence[Described]:
        """Return the statuses likewise, with what each process says of its parts."""
        ...

    def past(self) -> Sequence[Snapshot]:
        """Return the counts of processes that answer no calls."""
        ...

    async def explain(self, asked: Asked) -> dict[str, Any] | None:
        """Return what would become of a call, as JSON; None if no process can say."""
        ...

    async def recall(self, wanted: RecallWanted) -> Recalled | None:
        """Take back the messages of a delivery; None if no process says whether it did."""
        ...


class SingleProcess:
    """A gateway that is one process: this one."""

    def __init__(self, gateway: Gateway, tally: Tally) -> None:
        self._gateway = gateway
        self._tally = tally
        self._started = time.time()

    def config(self) -> Config:
        return self._gateway.config

    async def statuses(self, within: float = ANSWER_SECONDS) -> Sequence[ProcessStatus]:
        return [self.status()]

    def status(self) -> ProcessStatus:
        """Return the status of this process."""
        ingress, admission = self._gateway.ingress, self._gateway.admission
        health = "draining" if ingress.draining or ingress.leaving else OK if ingress.ready else "starting"
        health = OK if self._gateway.succeeded else health
        counted = self._tally.snapshot(admission.refusals.counts)
        number = self._gateway.generation.number
        last_good = bool(self._gateway.config_trouble)
        apps_age = self._gateway.apps_age
        ages = self._gateway.deliveries.ages
        in_flight, load = len(ingress.in_flight), admission.load()
        return ProcessStatus(health, in_flight, number, counted, load, last_good, apps_age, ages)

    async def described(self, within: float = ANSWER_SECONDS) -> Sequence[Described]:
        return [Described(self.status(), await self.details())]

    async def details(self) -> ProcessDetails:
        """Return what this process says of itself and its parts."""
        return await details_of(self._gateway, self._tally.incidents.copy(), self._started)

    def past(self) -> Sequence[Snapshot]:
        return ()

    async def explain(self, asked: Asked) -> dict[str, Any]:
        return await explained(self._gateway, asked, live=True, alone=True)

    async def recall(self, wanted: RecallWanted) -> Recalled:
        return await recalled(self._gateway, wanted)

    async def explain_as_one_of_many(self, asked: Asked) -> dict[str, Any]:
        """Return the same for a process beside others: what it counts alone is not what they count together."""
        return await explained(self._gateway, asked, live=self._gateway.store.shared)

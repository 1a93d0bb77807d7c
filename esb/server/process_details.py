"""The details of one process that answers calls: what it says, where it is asked, of itself and the parts it needs."""

import asyncio
import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import islice
from typing import NamedTuple

from esb._version import __version__
from esb.gateway.app import Gateway
from esb.introspect.explain import held_back
from esb.telemetry.incidents import Incidents

MOST_BREAKERS = 100
"""Open breakers that one process tells: each app has one of each upstream."""


PART_SECONDS = 0.5
"""Seconds for services and components to say how they are: a worker answers nothing else meanwhile."""
SILENT = "services or components do not say in time how they are"


class OpenBreaker(NamedTuple):
    """A component that sends an app's calls to no upstream for so many seconds, since too many failed."""

    component: str
    app: str
    seconds: float


class ClosedGate(NamedTuple):
    """A component that sends nothing for now, why, and until when (seconds since 1970; None: not known)."""

    component: str
    why: str
    until: float | None


@dataclass(frozen=True, slots=True)
class ProcessDetails:
    """The details of a process. Plain data, sent from worker to supervisor. A trouble is "" where there is none."""

    pid: int
    version: str
    started: float
    """Seconds since 1970."""
    store_trouble: str = ""
    database_trouble: str = ""
    engine_trouble: str = ""
    part_troubles: tuple[str, ...] = ()
    """Troubles of services, middlewares and components, each with its name."""
    delivering: int | None = None
    """Deliveries under way; None if this process sends none."""
    breakers: tuple[OpenBreaker, ...] = ()
    gates: tuple[ClosedGate, ...] = ()
    incidents: Incidents = field(default_factory=Incidents)


async def details_of(gateway: Gateway, incidents: Incidents, started: float) -> ProcessDetails:
    """Return the details of this process. `started`: when it began, in seconds since 1970."""
    delivering = gateway.deliveries.delivering
    deliverer = None if delivering is None else delivering.deliverer
    troubles, gates = await asyncio.gather(_part_troubles(gateway), _closed_gates(gateway))
    return ProcessDetails(
        os.getpid(),
        __version__,
        started,
        gateway.store.trouble,
        "" if gateway.database is None else gateway.database.trouble,
        gateway.deliveries.trouble,
        troubles,
        None if deliverer is None else len(deliverer.under_way),
        tuple(islice(_open_breakers(gateway), MOST_BREAKERS)),
        gates,
        incidents,
    )


async def _part_troubles(gateway: Gateway) -> tuple[str, ...]:
    try:
        async with asyncio.timeout(PART_SECONDS):
            return tuple(await gateway.part_troubles())
    except TimeoutError:
        return (SILENT,)


async def _closed_gates(gateway: Gateway) -> tuple[ClosedGate, ...]:
    """Return the components whose gates are closed, by this process or another; nothing if the store is too slow."""
    try:
        async with asyncio.timeout(PART_SECONDS):
            found = await held_back(gateway.generation, gateway.clock.since_1970())
    except TimeoutError:
        return ()
    return tuple(ClosedGate(name, decision.why, decision.until) for name, decision in found)


def _open_breakers(gateway: Gateway) -> Iterator[OpenBreaker]:
    for stanza, component in gateway.generation.components:
        breakers = getattr(component, "open_breakers", None)  # which most components have none of
        if breakers is not None:
            for app, seconds in breakers():
                yield OpenBreaker(stanza.name, app, seconds)

"""The parts that accept and send the deliveries of this process. They outlive generations; there only if configured."""

import asyncio
from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from esb.config import Config, DeliveriesConfig, LedgerConfig, seconds_of
from esb.contracts.component import Component
from esb.contracts.services import ProcessServices
from esb.core.clock import Clock
from esb.core.delivery_ages import DeliveryAges
from esb.core.events import Observer
from esb.delivery.acceptance import Acceptance, NoAcceptance
from esb.delivery.recording import Recording
from esb.gateway.generation import Generation
from esb.gateway.links import Links, component_of
from esb.gateway.process_database import kept
from esb.gateway.process_delivering import build_delivering
from esb.gateway.process_reports import ProcessReports
from esb.incoming.own_paths import OwnPath

if TYPE_CHECKING:  # its libraries are extras
    from esb.database.engine import Database
    from esb.delivery.accepting import Accepting, Announce
    from esb.delivery.age_sampler import AgeSampler
    from esb.delivery.ledger import Ledger
    from esb.delivery.retention import Retention
    from esb.delivery.sync_recorder import SyncRecorder


class ProcessDeliveries:
    """All parts of a process."""

    def __init__(
        self,
        config: Config,
        services: ProcessServices,
        current: Callable[[], Generation],
        *,
        delivers: bool = False,
    ) -> None:
        """Build what this configuration asks for, and open nothing.

        `current` returns the generation that answers. One that `delivers` does so even if others shall.
        """
        database, clock, observer = services.database, services.clock, services.observer
        self.delivering, self.mistakes = build_delivering(
            config, services, current, self._event_written, delivers=delivers
        )
        is_delivering = self.delivering is not None and self.delivering.deliverer is not None
        self._reports: ProcessReports | None = None
        if database is not None:
            self._reports = ProcessReports(database, services.http, current, clock, observer, delivers=is_delivering)
        self._accepting = _accepting(config, database, clock, self._announce)
        self.ledger = _ledger(database, clock, self._announce)
        """The part that tells of deliveries, and changes them; None without a database."""
        self.retention = _retention(database, clock, observer, current)
        self.recorder = _recorder(database, clock, observer)
        self._ages = None if delivers else _age_sampler(config, database, clock, observer, current)

    def acceptance(self, component: Component[Any, Any], config: DeliveriesConfig | None) -> Acceptance:
        """Return what accepts calls of this component by these keys, or refuses them."""
        if self._accepting is None or config is None:
            return NoAcceptance(component, config)
        return self._accepting.of(component, config)

    def recording(self, ledger: LedgerConfig | None) -> Sequence[Recording]:
        """Return what records the synchronous calls of a component by these keys."""
        return () if self.recorder is None else self.recorder.recording(ledger)

    def own_paths(self, config: Config, links: Sequence[Links]) -> list[OwnPath]:
        """Return the gateway's own paths, for a generation of this configuration and these links."""
        if self.ledger is None or (config.deliveries is None and config.ledger is None):
            return []
        from esb.delivery.delivery_paths import DeliveryPaths

        found = config.deliveries
        expires = None if found is None or found.run == "off" else seconds_of(found.expires)
        reported = [] if self._reports is None else self._reports.own_paths(links)
        return [*DeliveryPaths(self.ledger, expires, partial(component_of, links)).paths(), *reported]

    @property
    def ages(self) -> DeliveryAges | None:
        """The ages of what waits and ought not to; None where nobody asks, and before it is known."""
        return None if self._ages is None else self._ages.ages

    async def open(self) -> None:
        """Begin, once the components are open."""
        if self._ages is not None:
            self._ages.open()
        if self.retention is not None:
            self.retention.open()
        if self._reports is not None:
            self._reports.open()
        if self.recorder is not None:
            self.recorder.open()
        if self.delivering is not None:
            await self.delivering.open()

    @property
    def trouble(self) -> str:
        """The reason why nobody is told of deliveries, so that they wait for a second; "" if they are told."""
        return "" if self.delivering is None else self.delivering.trouble

    def follow(self, config: Config) -> None:
        """Go on by this configuration, which a reload has brought."""
        if self.delivering is not None:
            self.delivering.follow(config)

    def stop(self) -> "set[asyncio.Task[None]]":
        """Begin no more attempts, and return those under way."""
        delivering = set() if self.delivering is None else self.delivering.stop()
        return delivering if self._reports is None else delivering | self._reports.stop()

    async def end_delivering(self) -> None:
        """Give back what is not sent, before the components close."""
        if self.delivering is not None:
            await self.delivering.close()
        if self._reports is not None:
            await self._reports.close()

    async def close(self) -> None:
        """End, the last part first."""
        if self.recorder is not None:
            await self.recorder.close()
        if self.retention is not None:
            await self.retention.close()
        if self._accepting is not None:
            await self._accepting.close()
        if self._ages is not None:
            await self._ages.close()

    def _event_written(self) -> None:
        """Let callbacks look: one is to be told something."""
        if self._reports is not None:
            self._reports.wake()

    async def _announce(self, deliveries: Sequence[str]) -> None:
        """Tell those who deliver that these are due."""
        if self.delivering is not None:
            await self.delivering.engine.announce(deliveries)


def _accepting(config: Config, database: "Database | None", clock: Clock, announce: "Announce") -> "Accepting | None":
    if database is None or config.deliveries is None or config.deliveries.run == "off":
        return None
    from esb.delivery.accepting import Accepting

    return Accepting(database, clock, announce)


def _ledger(database: "Database | None", clock: Clock, announce: "Announce") -> "Ledger | None":
    if database is None:
        return None
    from esb.delivery.ledger import Ledger

    return Ledger(database, clock, announce)


def _retention(
    database: "Database | None", clock: Clock, observer: Observer, current: Callable[[], Generation]
) -> "Retention | None":
    if database is None:
        return None
    from esb.delivery.retention import Retention

    return Retention(database, clock, observer, lambda: seconds_of(kept(current().config).rows))


def _recorder(database: "Database | None", clock: Clock, observer: Observer) -> "SyncRecorder | None":
    if database is None:
        return None
    from esb.delivery.sync_recorder import SyncRecorder

    return SyncRecorder(database, clock, observer)


def _age_sampler(
    config: Config,
    database: "Database | None",
    clock: Clock,
    observer: Observer,
    current: Callable[[], Generation],
) -> "AgeSampler | None":
    """Return what looks how old things are, if there may be any, and operators have a listener where they can ask.

    A process that only delivers has none.
    """
    is_asked = config.server.admin is not None or config.server.portal is not None
    if database is None or not is_asked or (config.deliveries is None and config.ledger is None):
        return None
    from esb.delivery.age_sampler import AgeSampler

    return AgeSampler(database, clock, observer, lambda: seconds_of(kept(current().config).rows))

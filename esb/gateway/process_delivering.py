"""Delivering in this process, over all generations. Its libraries are extras, and imported only if it is needed."""

import asyncio
import os
import secrets
import socket
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from esb.config import Config, DatabaseConfig
from esb.contracts.component import Component
from esb.contracts.lifecycle import NoConfig
from esb.contracts.services import ProcessServices
from esb.core.call import Options
from esb.core.errors import ConfigError, Mistake
from esb.delivery.engine import Engine
from esb.gateway import plugin_loader
from esb.gateway.generation import Generation
from esb.gateway.links import component_of
from esb.services.engine.embedded import EmbeddedEngine

if TYPE_CHECKING:
    from esb.delivery.deliverer import Deliverer


SAQ = "saq"
SHARE = 0.5
"""The part of the room for one upstream that deliveries may take: the rest is for calls, which somebody waits for."""
MOST_AT_ONCE = 5000
"""Deliveries of one process under way at most, whatever esb.yaml says: one statement names them all."""
NOT_WITH_SQLITE = (
    "'saq' wakes processes on many machines, and SQLite is a file on one of them: leave the engine out, or keep"
    " deliveries in PostgreSQL or MySQL"
)


class Delivering:
    """An engine, and a deliverer if the process has one."""

    def __init__(self, engine: Engine, deliverer: "Deliverer | None") -> None:
        self.engine = engine
        self.deliverer = deliverer

    @property
    def trouble(self) -> str:
        """The reason why the engine wakes nobody; "" if it does."""
        return self.engine.trouble

    async def open(self) -> None:
        """Begin to deliver."""
        await self.engine.open(None if self.deliverer is None else self.deliverer.wake)
        if self.deliverer is not None:
            self.deliverer.open()

    def follow(self, config: Config) -> None:
        """Deliver as many at once as this configuration says, and leave calls room at each upstream."""
        if self.deliverer is not None and config.deliveries is not None:
            room = max(1, int(config.server.max_per_target * SHARE))
            self.deliverer.follow(min(config.deliveries.concurrency, room, MOST_AT_ONCE))

    def stop(self) -> set["asyncio.Task[None]"]:
        """Take nothing more, and return what is under way."""
        if self.deliverer is None:
            return set()
        self.deliverer.stop()
        return self.deliverer.under_way

    async def close(self) -> None:
        """Give back what was not sent, and close."""
        if self.deliverer is not None:
            await self.deliverer.close()
        await self.engine.close()


def build_delivering(
    config: Config,
    services: ProcessServices,
    current: Callable[[], Generation],
    event_written: Callable[[], None],
    *,
    delivers: bool = False,
) -> tuple[Delivering | None, list[Mistake]]:
    """Return what delivers in this process, if it shall or it `delivers` anyway; None if nothing is delivered.

    And the mistakes in what esb.yaml says of the engine. `event_written`: see Deliverer.
    """
    found = config.deliveries
    if found is None or found.run == "off":
        return None, []
    try:
        engine = _engine(config, services)
    except ConfigError as error:
        return None, [*error.mistakes]
    database, observer, clock = services.database, services.observer, services.clock
    if database is None:
        return None, []
    from esb.database.claim_writes import ClaimWrites
    from esb.delivery.attempting import Attempts
    from esb.delivery.deliverer import Deliverer

    deliverer = None
    if delivers or found.run == "here":
        attempts = Attempts(database, current, _component_of, observer, clock)
        deliverer = Deliverer(ClaimWrites(database, clock, owner()), attempts, observer, clock, event_written)
    delivering = Delivering(engine, deliverer)
    delivering.follow(config)
    return delivering, []


def _engine(config: Config, services: ProcessServices) -> Engine:
    """Return the engine that this configuration describes. ConfigError with every mistake in its stanza."""
    stanza = config.delivery_engine
    if stanza is None:
        return EmbeddedEngine(NoConfig(), services)
    if stanza.use == SAQ and config.database is not None and _is_file(config.database):
        raise ConfigError([stanza.section.mistake(NOT_WITH_SQLITE, "use")])
    plugin_loader.make_importable(config)
    engine: Engine = plugin_loader.build("services", stanza, services, "engine")
    return engine


def _is_file(database: DatabaseConfig) -> bool:
    return database.url.get_secret_value().startswith("sqlite:")


def owner() -> str:
    """Return the name of this process in what it claims: another one has another."""
    return f"{socket.gethostname()[:32]}:{os.getpid()}:{secrets.token_hex(4)}"


def _component_of(generation: Generation, name: str, options: Options) -> Component[Any, Any] | None:
    return component_of(generation.links, name, options)

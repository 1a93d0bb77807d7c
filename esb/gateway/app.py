"""The gateway as an application: create_app(config) builds it; running it opens all, and closes all in reverse.

Two lifetimes: the gateway lasts as long as the process; what it answers with, a generation, until a reload.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from functools import partial
from operator import attrgetter
from typing import Any

from aiohttp import web

from esb.config import Config
from esb.contracts.services import ProcessServices
from esb.core.clock import Clock, SystemClock
from esb.core.errors import ConfigError, EsbError, Mistake
from esb.core.events import Author, GenerationClosed, Listener, Observer, Reloaded, Tracer
from esb.core.i18n import Catalogues
from esb.core.single_flight import Lookup
from esb.gateway import outgoing_engine, restart_only
from esb.gateway.generation import Generation
from esb.gateway.plugin_reimport import reimported
from esb.gateway.process_database import build_database, build_use_counts, build_use_recorder, opened
from esb.gateway.process_deliveries import ProcessDeliveries
from esb.gateway.process_keys import ProcessKeys
from esb.gateway.process_store import build_store
from esb.incoming.admission import Admission
from esb.incoming.ingress import Ingress
from esb.outgoing.bulkhead import Bulkheads
from esb.outgoing.client import Outgoing
from esb.outgoing.tokens.cache import TokenCache
from esb.store.protocol import StoreServices

LAST_CALL_SECONDS = 3600.0
"""Seconds for which an older generation is kept for calls that go on, such as streams; then it closes under them."""

HEALTH_KEPT_SECONDS = 1.0
"""Seconds for which the health of the parts is remembered: asking often costs little, here and at their upstreams."""


class Gateway:
    """One gateway: what lasts as long as the process, and the generation that answers now."""

    def __init__(
        self,
        config: Config,
        listeners: Iterable[Listener],
        clock: Clock,
        tracer: Tracer | None,
        number: int = 1,
        author: Author | None = None,
        config_trouble: str = "",
        *,
        delivers: bool = False,
    ) -> None:
        """Build all, open nothing. ConfigError with all mistakes. `number` is that of the first generation.

        `config_trouble` says why this is not the configuration that was asked for; "" once another takes its place.
        """
        self.config_trouble = config_trouble
        use = build_use_counts(config, clock)
        self.observer = Observer([*listeners, *filter(None, [use])], tracer, author)
        self.clock = clock
        engine, missing = outgoing_engine.chosen(config)
        self.http = Outgoing(self.observer, max_per_target=config.server.max_per_target, engine=engine)
        bulkheads = Bulkheads(clock, config.server.max_per_target)
        self.store, mistakes = build_store(config, StoreServices(clock, self.observer))
        self.tokens = TokenCache(self.store, self.observer, clock)
        self.database, unusable = build_database(config, self.observer)
        self._use = build_use_recorder(use, self.database, self.observer, lambda: self.config)
        self._keys = ProcessKeys(self.store, self.database, clock, self.observer)
        self._services = ProcessServices(
            self.http, self.tokens, self.store, clock, bulkheads, self.observer, self.database, self._keys.nonces
        )
        current: Callable[[], Generation] = partial(attrgetter("generation"), self)
        self.deliveries = ProcessDeliveries(config, self._services, current, delivers=delivers)
        self.admission = Admission(config.server.max_buffered, config.server.max_in_flight, self.observer)
        self.generation = self._built(config, [*missing, *mistakes, *unusable, *self.deliveries.mistakes], number)
        self.succeeded = False
        """True once a successor answers: no probe is to hear of the end of this process."""
        self._older: dict[Generation, asyncio.Task[None]] = {}
        self._health: Lookup[int, list[str]] = Lookup(
            ttl=HEALTH_KEPT_SECONDS, refusal=EsbError, refusal_ttl=HEALTH_KEPT_SECONDS, clock=clock
        )
        self.ingress = Ingress(current, self.observer, Catalogues(), self._trouble, self.admission)

    def _built(
        self, config: Config, mistakes: Sequence[Mistake], number: int, previous: Generation | None = None
    ) -> Generation:
        return Generation(
            config,
            self._services,
            mistakes,
            number,
            self._keys.idempotency,
            self.admission,
            previous,
            self.deliveries.own_paths,
            self.deliveries.acceptance,
            self.deliveries.recording,
        )

    async def _trouble(self) -> str:
        own = [self.config_trouble, f"store: {self.store.trouble}" if self.store.trouble else ""]
        if self.database is not None and self.database.trouble:
            own.append(f"database: {self.database.trouble}")
        if self.deliveries.trouble:
            own.append(f"deliveries: {self.deliveries.trouble}")
        return "; ".join([*filter(None, own), *await self.part_troubles()])

    async def part_troubles(self) -> list[str]:
        """Return what is wrong with the parts of the generation that answers, a few words each, as of this second."""
        return await self._health.get(self.generation.number, self.generation.troubles)

    @asynccontextmanager
    async def calling_out(self) -> AsyncIterator["Gateway"]:
        """Open the client for upstreams alone, for a command. What else it opens of the gateway is closed, too."""
        async with AsyncExitStack() as stack:
            stack.push_async_callback(self.http.close)
            stack.push_async_callback(self.store.close)
            stack.push_async_callback(self.tokens.close)
            if self.database is not None:
                stack.push_async_callback(self.database.close)
            self.http.open()
            yield self

    async def run(self, app: web.Application) -> AsyncIterator[None]:
        """Open while the application runs. ConfigError if something that the config describes fails to open."""
        async with AsyncExitStack() as stack:
            stack.push_async_callback(self.http.close)
            stack.push_async_callback(self.store.close)
            if self.database is not None:
                stack.push_async_callback(self.database.close)
            if self._use is not None:
                stack.push_async_callback(self._use.close)
            stack.push_async_callback(self._keys.close)
            stack.push_async_callback(self.tokens.close)
            stack.push_async_callback(self.deliveries.close)
            stack.push_async_callback(self._close_generations)
            stack.push_async_callback(self._keys.idempotency.close)
            stack.push_async_callback(self._health.close)
            self.http.open()
            await self.tokens.open()
            await self._keys.open()
            await self.store.open()
            await opened(self.database, self.config)
            if self._use is not None:
                self._use.open()
            await self.generation.open()
            stack.push_async_callback(self.deliveries.end_delivering)
            await self.deliveries.open()
            self.ingress.ready = True
            yield
            self.ingress.ready = False

    @property
    def apps_age(self) -> float | None:
        """The seconds since the database last confirmed the apps that answer now; None if they lie in none."""
        ages = (getattr(part.instance, "snapshot_age", None) for part in self.generation.services.values())
        return max((age for age in ages if age is not None), default=None)

    @property
    def config(self) -> Config:
        """The config of the generation that answers now."""
        return self.generation.config

    async def reload(self, config: Config) -> None:
        """Answer calls by this config from now on. ConfigError with all mistakes: nothing has changed.

        Every reload is told as an event, the refused ones too. One at a time.
        """
        started = time.monotonic()
        try:
            generation = await self.prepare(config)
        except ConfigError as error:
            if error.bug is not None:
                self.observer.show("", "reloading", error.bug)
            mistakes = tuple(str(mistake) for mistake in error.mistakes)
            self.observer.emit(Reloaded(self.generation.number, mistakes, time.monotonic() - started, config.hash))
            raise
        self.adopt(generation)
        self.observer.emit(Reloaded(generation.number, (), time.monotonic() - started, config.hash))

    async def prepare(self, config: Config) -> Generation:
        """Build and open the next generation, beside the one that answers; plugins beside esb.yaml are imported anew.

        ConfigError with all mistakes; then nothing of it is open, and the modules are the old ones again.
        """
        old = self.generation
        with reimported(old.config.folder, config.folder):  # one folder, unless the last good configuration answers
            mistakes = restart_only.changed(old.config, config)
            new = self._built(config, mistakes, old.number + 1, old)
            try:
                await new.open()
            except BaseException:
                await self._close(new)
                raise
        return new

    def adopt(self, generation: Generation) -> None:
        """Swap generations. The old one closes after the last of its calls."""
        old, self.generation = self.generation, generation
        self.config_trouble = ""
        self.admission.calls.most = generation.config.server.max_in_flight
        self.http.bulkheads.width = generation.config.server.max_per_target
        self.deliveries.follow(generation.config)
        self._services.bulkheads.resize(generation.config.server.max_per_target)
        self._older[old] = asyncio.create_task(self._retire(old))

    async def _retire(self, old: Generation) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(LAST_CALL_SECONDS):
                await old.calls.ended()
        unfinished = old.calls.number
        await self._close(old)
        self._older.pop(old, None)
        self.observer.emit(GenerationClosed(old.number, unfinished))

    async def _close_generations(self) -> None:
        """Close all generations; by now no call is left."""
        older = self._older
        while older:
            generation, task = older.popitem()
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            await self._close(generation)
        await self._close(self.generation)

    async def _close(self, generation: Generation) -> None:
        try:
            await generation.close()
        except ExceptionGroup as errors:
            for error in errors.exceptions:
                self.observer.crashed("", f"closing generation {generation.number}", error)

    async def drain(self, seconds: float) -> None:
        """Take no new calls and deliveries, let those in flight finish for `seconds`, and then cut the rest."""
        self.ingress.drain()
        calls: set[asyncio.Task[Any]] = (
            self.ingress.in_flight | self._keys.idempotency.under_way | self.deliveries.stop()
        )
        if not calls:
            return
        _, late = await asyncio.wait(calls, timeout=seconds)
        for call in late:
            call.cancel()


class _Everything(web.PlainResource):
    """A route that leads every request to ingress, `OPTIONS *` too, so that no answer is aiohttp's own."""

    def __init__(self, ingress: Ingress) -> None:
        super().__init__("/")
        self._route = self.add_route("*", ingress.handle, expect_handler=_ingress_will)

    async def resolve(self, request: web.Request) -> tuple[web.UrlMappingMatchInfo, set[str]]:
        return web.UrlMappingMatchInfo({}, self._route), set()


async def _ingress_will(request: web.Request) -> None:
    """Do nothing: ingress answers the header Expect itself."""


GATEWAY: web.AppKey[Gateway] = web.AppKey("gateway", Gateway)


def create_app(
    config: Config,
    *,
    listeners: Iterable[Listener] = (),
    clock: Clock | None = None,
    tracer: Tracer | None = None,
    generation: int = 1,
    author: Author | None = None,
    config_trouble: str = "",
    delivers: bool = False,
) -> web.Application:
    """Return the gateway of this config as an aiohttp application. ConfigError with all mistakes.

    `listeners` are told every event; `clock` drives every expiry and every wait; the machine's own if left out.
    Without a `tracer` nothing is traced. A worker that starts after reloads begins with their `generation`. An
    `author` is shown the errors of crashed plugins. `config_trouble` is told as trouble until a reload.
    One that `delivers` does so even if others shall (`deliveries: {run: separate}`).
    """
    gateway = Gateway(
        config, listeners, clock or SystemClock(), tracer, generation, author, config_trouble, delivers=delivers
    )
    app = web.Application()
    app[GATEWAY] = gateway
    app.router.register_resource(_Everything(gateway.ingress))
    app.cleanup_ctx.append(gateway.run)
    return app

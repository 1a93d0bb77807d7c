"""create_app(config) -> web.Application: builds all, opens all, and closes all in reverse."""

import asyncio
from collections.abc import AsyncIterator, Iterable
from contextlib import AsyncExitStack

from aiohttp import web

from esb.clock import Clock, SystemClock
from esb.config import Config
from esb.generation import Generation, build_store
from esb.ingress import Ingress
from esb.observe import Listener, Observer, Tracer
from esb.outgoing import Outgoing
from esb.services import Means
from esb.tokens import TokenCache
from esb.translation import Catalogues


class Gateway:
    """One gateway: what lasts as long as the process, and the generation that answers now."""

    def __init__(self, config: Config, listeners: Iterable[Listener], clock: Clock, tracer: Tracer | None) -> None:
        self.config = config
        self.observer = Observer(listeners, tracer)
        self.http = Outgoing(self.observer, max_per_target=config.server.max_per_target)
        self.tokens = TokenCache(self.observer, clock)
        self.store, mistakes = build_store(config, clock)
        self.generation = Generation(config, Means(self.http, self.tokens, self.store, clock), mistakes)
        self.ingress = Ingress(
            lambda: self.generation.routes,
            self.observer,
            Catalogues(),
            max_body=config.server.max_body,
            max_in_flight=config.server.max_in_flight,
            trusted_proxies=config.server.trusted_proxies,
        )

    async def run(self, app: web.Application) -> AsyncIterator[None]:
        """Open while the application runs."""
        async with AsyncExitStack() as stack:
            stack.push_async_callback(self.http.close)
            stack.push_async_callback(self.store.close)
            stack.push_async_callback(self.tokens.close)
            stack.push_async_callback(self.generation.close)
            self.http.open()
            self.ingress.ready = True
            yield
            self.ingress.ready = False

    async def drain(self, seconds: float) -> None:
        """Takes no new calls, lets those in flight finish for `seconds`, and then cuts the rest."""
        self.ingress.draining = True
        calls = set(self.ingress.in_flight)
        if not calls:
            return
        _, late = await asyncio.wait(calls, timeout=seconds)
        for call in late:
            call.cancel()


class _Everything(web.PlainResource):
    """Leads every request to ingress, that for `*` too, so that no answer is aiohttp's own."""

    def __init__(self, ingress: Ingress) -> None:
        super().__init__("/")
        self._route = self.add_route("*", ingress.handle, expect_handler=ingress.expect)

    async def resolve(self, request: web.Request) -> tuple[web.UrlMappingMatchInfo, set[str]]:
        return web.UrlMappingMatchInfo({}, self._route), set()


GATEWAY: web.AppKey[Gateway] = web.AppKey("gateway", Gateway)


def create_app(
    config: Config,
    *,
    listeners: Iterable[Listener] = (),
    clock: Clock | None = None,
    tracer: Tracer | None = None,
) -> web.Application:
    """The gateway of this config as an aiohttp application. Raises ConfigError with all mistakes.

    `listeners` are told every event; `clock` drives every expiry and every wait; the machine's own if left out.
    Without a `tracer` nothing is traced.
    """
    gateway = Gateway(config, listeners, clock or SystemClock(), tracer)
    app = web.Application()
    app[GATEWAY] = gateway
    app.router.register_resource(_Everything(gateway.ingress))
    app.cleanup_ctx.append(gateway.run)
    return app

"""The admin listener: metrics, health, configuration and reload, for those who run the gateway and nobody else.

It never listens where callers do; who of those that reach it may do what is decided in esb.server.admin_access.
"""

from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from aiohttp import web
from pydantic import ValidationError

from esb.core import json_codec
from esb.core.delivery_ages import oldest_of
from esb.core.errors import ConfigError
from esb.introspect import config_view
from esb.introspect.explain import Asked
from esb.introspect.secret_sources import SecretSources
from esb.server.admin_access import EXPLAIN, admission, proven_token
from esb.server.admin_apps import add_apps
from esb.server.admin_deliveries import add_deliveries
from esb.server.admin_registry import AdminRegistry
from esb.server.process_status import OK, SCRAPE_SECONDS, Processes, ProcessStatus
from esb.server.successor import NoSuccessor
from esb.telemetry import metrics, prometheus

JSON = "application/json; charset=utf-8"


def create_admin(
    processes: Processes, reload: Callable[[], Awaitable[None]], restart: Callable[[], Awaitable[int]] | None = None
) -> web.Application:
    """Return the admin listener's application.

    `reload` raises ConfigError if nothing has changed; `restart` returns the successor's process id, or NoSuccessor.
    """
    handlers = _Handlers(processes, reload, restart)
    app = web.Application(middlewares=[admission(lambda: processes.config().server.admin)])
    app.add_routes(
        [
            web.get("/metrics", handlers.metrics),
            web.get("/livez", handlers.live),
            web.get("/readyz", handlers.ready),
            web.get("/-/config", handlers.config),
            web.get("/-/components", handlers.components),
            web.post(EXPLAIN, handlers.explain),
            web.post("/-/reload", handlers.reload),
            web.post("/-/restart", handlers.restart),
        ]
    )
    registry = AdminRegistry(processes.config)
    add_apps(app, registry)
    add_deliveries(app, registry)
    app.on_cleanup.append(registry.close)
    return app


class _Handlers:
    """The handlers of the operators' requests."""

    def __init__(
        self,
        processes: Processes,
        reload: Callable[[], Awaitable[None]],
        restart: Callable[[], Awaitable[int]] | None,
    ) -> None:
        self._processes = processes
        self._reload = reload
        self._restart = restart

    async def metrics(self, request: web.Request) -> web.Response:
        statuses = await self._processes.statuses(SCRAPE_SECONDS)
        counted = metrics.joined([*(status.counted for status in statuses), *self._processes.past()])
        state = prometheus.State(
            ready=_health(statuses) == OK,
            in_flight=sum(status.in_flight for status in statuses),
            generation=_generation(statuses),
            connections=sum(status.load.connections for status in statuses),
            heads=sum(status.load.heads for status in statuses),
            bodies=sum(status.load.bodies for status in statuses),
            buffered=sum(status.load.buffered for status in statuses),
            components=[_system_and_component(stanza.name) for stanza in self._processes.config().components],
            hash=self._processes.config().hash,
            last_good=any(status.last_good for status in statuses),
            apps_age=max((status.apps_age for status in statuses if status.apps_age is not None), default=None),
            ages=oldest_of(status.ages for status in statuses),
        )
        body, content_type = prometheus.written(counted, state, request.headers.get("Accept", ""))
        return web.Response(body=body, headers={"Content-Type": content_type})

    async def live(self, request: web.Request) -> web.Response:
        return web.Response(text="ok\n")

    async def ready(self, request: web.Request) -> web.Response:
        health = _health(await self._processes.statuses())
        return web.Response(text=f"{health}\n", status=200 if health == OK else 503)

    async def config(self, request: web.Request) -> web.Response:
        """Answer the configuration; with ?secrets=sources, as `esb diff` asks, where each secret comes from.

        Their fingerprints are keyed with the token that the request proves to hold: nobody else can try secrets.
        """
        config, mask = self._processes.config(), None
        if request.query.get("secrets") == "sources":
            token = proven_token(request, config.server.admin)
            mask = SecretSources(token.encode("utf-8", "surrogateescape") or None)
        return _json(config_view.rendered(config, mask))

    async def components(self, request: web.Request) -> web.Response:
        return _json(config_view.components(self._processes.config()))

    async def explain(self, request: web.Request) -> web.Response:
        """Answer what would become of a call, link by link. Nothing is called, counted or asked of others."""
        try:
            asked = Asked.model_validate_json(await request.read())
        except ValidationError as error:
            wrong = (f"{'.'.join(map(str, each['loc']))}: {each['msg']}" for each in error.errors())
            return _json({"error": "; ".join(wrong)}, 400)
        answer = await self._processes.explain(asked)
        return _json({"error": "no process answers"}, 503) if answer is None else _json(answer)

    async def reload(self, request: web.Request) -> web.Response:
        """Answer 200 with the new generation, or 422 with all mistakes: then the old one answers as before."""
        statuses = await self._processes.statuses()
        health, before = _health(statuses), _generation(statuses)
        if health != OK:
            return _json({"error": health, "generation": before}, 409)
        try:
            await self._reload()
        except ConfigError as error:
            return _json({"generation": before, "mistakes": [mistake._asdict() for mistake in error.mistakes]}, 422)
        after = _generation(await self._processes.statuses())
        if after == before:
            return _json({"error": "the reload failed, the log tells where", "generation": after}, 500)
        return _json({"generation": after})

    async def restart(self, request: web.Request) -> web.Response:
        """Answer 200 with the successor's process id, or 422 with the reason: then this process answers as before."""
        if self._restart is None:
            return _json({"error": "this gateway cannot be restarted in place: only `esb serve` can"}, 409)
        try:
            return _json({"pid": await self._restart()})
        except NoSuccessor as error:
            return _json({"error": str(error)}, 422)


def _health(statuses: Sequence[ProcessStatus]) -> str:
    """Return ok if all are ready, and all on one configuration; otherwise why not."""
    unwell = [status.health for status in statuses if status.health != OK]
    if unwell:
        return unwell[0]
    return OK if len({status.generation for status in statuses}) == 1 else "starting"


def _generation(statuses: Sequence[ProcessStatus]) -> int:
    """Return the oldest that still answers."""
    return min((status.generation for status in statuses), default=0)


def _system_and_component(name: str) -> tuple[str, str]:
    system, _, component = name.partition(".")
    return system, component


def _json(value: Any, status: int = 200) -> web.Response:
    return web.Response(body=json_codec.encode(value) + b"\n", status=status, headers={"Content-Type": JSON})

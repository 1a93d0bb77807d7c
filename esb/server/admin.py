"""The admin listener: metrics, health, configuration and reload, for those who run the gateway and nobody else.

It never listens where callers do; who of those that reach it may do what is decided in esb.server.admin_access.
"""

from collections.abc import Awaitable, Callable, Mapping
from types import MappingProxyType
from typing import Any

from aiohttp import web

from esb.core import json_codec
from esb.core.delivery_ages import oldest_of
from esb.database.writer import LONGEST_ACTOR, Actor
from esb.introspect import config_view
from esb.introspect.secret_sources import SecretSources
from esb.server.admin_access import Handler, admission, asked_by, proven_token
from esb.server.operations import Operation, Operations, OperatorRequest
from esb.server.process_operations import generation_of, health_of
from esb.server.process_status import OK, SCRAPE_SECONDS, Processes
from esb.server.successor import NoSuccessor
from esb.telemetry import metrics, prometheus

JSON = "application/json; charset=utf-8"


def create_admin(
    processes: Processes, operations: Operations, restart: Callable[[], Awaitable[int]] | None = None
) -> web.Application:
    """Return the admin listener's application. `restart` returns the successor's process id, or NoSuccessor."""
    handlers = _Handlers(processes, restart)
    app = web.Application(middlewares=[admission(lambda: processes.config().server.admin)])
    app.add_routes(
        [
            web.get("/metrics", handlers.metrics),
            web.get("/livez", handlers.live),
            web.get("/readyz", handlers.ready),
            web.get("/-/config", handlers.config),
            web.post("/-/restart", handlers.restart),
            *(web.route(each.method, each.path, handlers.of(each)) for each in operations),
        ]
    )
    return app


class _Handlers:
    """The handlers of the operators' requests."""

    def __init__(self, processes: Processes, restart: Callable[[], Awaitable[int]] | None) -> None:
        self._processes = processes
        self._restart = restart

    def of(self, operation: Operation) -> Handler:
        """Return the handler of one operation, in the name of who asks."""

        async def handler(request: web.Request) -> web.Response:
            name = asked_by(request, self._processes.config().server.admin)
            asked = OperatorRequest(
                Actor(f"admin:{name}"[:LONGEST_ACTOR], "admin"),
                request.method,
                request.match_info,
                request.query,
                await request.read(),
            )
            answer = await operation.answer(asked)
            return _json(answer.value, answer.status, {"Cache-Control": "no-store"})

        return handler

    async def metrics(self, request: web.Request) -> web.Response:
        statuses = await self._processes.statuses(SCRAPE_SECONDS)
        counted = metrics.joined([*(status.counted for status in statuses), *self._processes.past()])
        state = prometheus.State(
            ready=health_of(statuses) == OK,
            in_flight=sum(status.in_flight for status in statuses),
            generation=generation_of(statuses),
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
        health = health_of(await self._processes.statuses())
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

    async def restart(self, request: web.Request) -> web.Response:
        """Answer 200 with the successor's process id, or 422 with the reason: then this process answers as before."""
        if self._restart is None:
            return _json({"error": "this gateway cannot be restarted in place: only `esb serve` can"}, 409)
        try:
            return _json({"pid": await self._restart()})
        except NoSuccessor as error:
            return _json({"error": str(error)}, 422)


def _system_and_component(name: str) -> tuple[str, str]:
    system, _, component = name.partition(".")
    return system, component


def _json(value: Any, status: int = 200, headers: Mapping[str, str] = MappingProxyType({})) -> web.Response:
    return web.Response(body=json_codec.encode(value) + b"\n", status=status, headers={"Content-Type": JSON, **headers})

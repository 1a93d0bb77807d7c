"""The admin listener: metrics, health, configuration and reload, for those who run the gateway and nobody else.

It asks nobody who they are, so it listens where only they can come, and never where callers do.
"""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from typing import Any

from aiohttp import web

from esb.config import Config
from esb.core import json_codec
from esb.core.errors import ConfigError
from esb.gateway.app import Gateway
from esb.introspect import config_view
from esb.server.process_status import OK, Fleet, Process, state
from esb.telemetry import metrics, prometheus
from esb.telemetry.metrics import Snapshot, Tally

JSON = "application/json; charset=utf-8"


class Alone:
    """A gateway that is one process: this one."""

    def __init__(self, gateway: Gateway, tally: Tally, reload: Callable[[], Awaitable[None]]) -> None:
        self._gateway = gateway
        self._tally = tally
        self._reload = reload

    def config(self) -> Config:
        return self._gateway.config

    async def processes(self) -> Sequence[Process]:
        return [state(self._gateway, self._tally)]

    def past(self) -> Sequence[Snapshot]:
        return ()

    async def reload(self) -> None:
        await self._reload()


def create_admin(fleet: Fleet) -> web.Application:
    """The admin listener's application."""
    desk = _Desk(fleet)
    app = web.Application()
    app.add_routes(
        [
            web.get("/metrics", desk.metrics),
            web.get("/livez", desk.live),
            web.get("/readyz", desk.ready),
            web.get("/-/config", desk.config),
            web.get("/-/components", desk.components),
            web.post("/-/reload", desk.reload),
        ]
    )
    return app


class _Desk:
    """Answers the operators."""

    def __init__(self, fleet: Fleet) -> None:
        self._fleet = fleet

    async def metrics(self, request: web.Request) -> web.Response:
        processes = await self._fleet.processes()
        past = [replace(snapshot, away=0) for snapshot in self._fleet.past()]
        counted = metrics.joined([*(process.counted for process in processes), *past])
        state = prometheus.State(
            ready=_health(processes) == OK,
            in_flight=sum(process.in_flight for process in processes),
            generation=_generation(processes),
        )
        body, content_type = prometheus.written(counted, state, request.headers.get("Accept", ""))
        return web.Response(body=body, headers={"Content-Type": content_type})

    async def live(self, request: web.Request) -> web.Response:
        return web.Response(text="ok\n")

    async def ready(self, request: web.Request) -> web.Response:
        health = _health(await self._fleet.processes())
        return web.Response(text=f"{health}\n", status=200 if health == OK else 503)

    async def config(self, request: web.Request) -> web.Response:
        return _json(config_view.shown(self._fleet.config()))

    async def components(self, request: web.Request) -> web.Response:
        return _json(config_view.components(self._fleet.config()))

    async def reload(self, request: web.Request) -> web.Response:
        """200 with the new generation; 422 with what is wrong, and the old one answers as before."""
        if "Origin" in request.headers:  # a web page that somebody on this machine has open
            return _json({"error": "this is not for web pages"}, 403)
        processes = await self._fleet.processes()
        health, before = _health(processes), _generation(processes)
        if health != OK:
            return _json({"error": health, "generation": before}, 409)
        try:
            await self._fleet.reload()
        except ConfigError as error:
            return _json({"generation": before, "mistakes": [mistake._asdict() for mistake in error.mistakes]}, 422)
        after = _generation(await self._fleet.processes())
        if after == before:
            return _json({"error": "the reload failed, the log tells where", "generation": after}, 500)
        return _json({"generation": after})


def _health(processes: Sequence[Process]) -> str:
    """Ready is who all are ready, and all on one configuration."""
    unwell = [process.health for process in processes if process.health != OK]
    if unwell:
        return unwell[0]
    return OK if len({process.generation for process in processes}) == 1 else "starting"


def _generation(processes: Sequence[Process]) -> int:
    """The oldest that still answers."""
    return min((process.generation for process in processes), default=0)


def _json(value: Any, status: int = 200) -> web.Response:
    return web.Response(body=json_codec.encode(value) + b"\n", status=status, headers={"Content-Type": JSON})

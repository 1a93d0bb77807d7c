"""HTTP in, envelope out: a request becomes a call, and an answer or an error becomes a response.

Every error raised on a call's way ends here, and only here becomes an envelope.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from functools import lru_cache
from typing import Any, Protocol

from aiohttp import web

from esb.channels.outcome import sent_summary
from esb.config.component_paths import ROOT
from esb.contracts.component import Reply, SwitchedProtocols
from esb.core import json_codec
from esb.core.call_log import CallLogs
from esb.core.deadlines import ANSWER_SECONDS
from esb.core.errors import BadBody, Draining, Inactive, Message, NotFound, UpstreamError
from esb.core.events import CallFinished, Observer
from esb.core.i18n import Catalogues
from esb.core.reasons import Reason
from esb.incoming import responses
from esb.incoming.admission import Admission
from esb.incoming.cors import Cors
from esb.incoming.credentials import claims_of
from esb.incoming.disconnect import ClientDisconnected, while_connected
from esb.incoming.fast_response import REQUEST_ID, SERVER, JsonResponses
from esb.incoming.in_flight import InFlight
from esb.incoming.request import READING, IncomingRequest, request_id
from esb.incoming.routing import Route, Routes, checked, decoded_path, inactive, not_found
from esb.incoming.trusted_proxies import Network
from esb.incoming.websocket import SwitchedResponse, WebSocketRelay, relay_of

COMPONENTS = f"{ROOT}/"
BASE = len(ROOT)
CALLERS = 1000
"""Number of headers X-Bkapi-Authorization that are remembered, to be read once: a client always sends the same.

Bench: send.
"""
SELF_SERVICE = "/api/c/self-service-api/"


class Generation(Protocol):
    """A generation, as far as ingress uses it. A call keeps the one it started with."""

    routes: Routes
    own_routes: Routes
    calls: InFlight
    trusted_proxies: Sequence[Network]
    cors: Cors | None
    call_logs: CallLogs


class Ingress:
    """The handler of every request of the public listener."""

    def __init__(
        self,
        current: Callable[[], Generation],
        observer: Observer,
        catalogues: Catalogues,
        trouble: Callable[[], Awaitable[str]],
        admission: Admission,
    ) -> None:
        """Take functions: `current` returns the generation that answers now, `trouble` why it is degraded, or ""."""
        self.admission = admission
        self._current = current
        self._trouble = trouble
        self._observer = observer
        self._catalogues = catalogues
        self._responses = JsonResponses()
        self._claims_of = lru_cache(maxsize=CALLERS)(claims_of)
        self._probes = {
            f"/api/c/{name}{slash}": probe
            for name, probe in (("ping", self._ping), ("healthz", self._health))
            for slash in ("", "/")
        }
        self.in_flight: set[asyncio.Task[Any]] = set()
        self.websockets: set[WebSocketRelay] = set()
        self.ready = False
        self.draining = False
        self.leaving = False
        """True while calls are taken and the probes of health say no: a balancer shall send them elsewhere."""

    def drain(self) -> None:
        """Take no new calls, and end those that would not end by themselves."""
        self.draining = True
        for relay in self.websockets:
            relay.leave()

    @property
    def trusted_proxies(self) -> Sequence[Network]:
        """The proxies that are trusted now."""
        return self._current().trusted_proxies

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        """Answer any request: a call, a probe of health, or one that nobody declared."""
        if request.method in READING and (probe := self._probes.get(request.path)) is not None:
            return await probe(request)
        task = asyncio.current_task()
        assert task is not None  # noqa: S101 - aiohttp runs every handler in a task
        generation = self._current()
        incoming = IncomingRequest(
            request, generation.trusted_proxies, self._claims_of, self._catalogues, time.monotonic(), generation.cors
        )
        incoming.record.logs = generation.call_logs
        self.in_flight.add(task)
        try:
            with generation.calls:
                return await self._answer(incoming, generation, task)
        finally:
            self.in_flight.discard(task)
            self.admission.release(incoming.record)

    def refuse(self, request: web.BaseRequest, error: Exception) -> web.StreamResponse:
        """Answer what never became a call: its request could not be read, or (a bug) not be answered.

        Such a request has neither method nor headers; so the address is that of the connection.
        """
        incoming = IncomingRequest(request, (), self._claims_of, self._catalogues, time.monotonic())
        written = responses.failed(incoming, error, self._responses, self._observer)
        self._finished(incoming, written, written.response.status)
        return written.response

    async def _ping(self, request: web.BaseRequest) -> web.StreamResponse:
        headers = {REQUEST_ID: request_id(request), "Server": SERVER}
        return web.Response(text="pong", headers=headers)

    async def _health(self, request: web.BaseRequest) -> web.StreamResponse:
        leaving = self.draining or self.leaving
        healthy = self.ready and not leaving
        message = "draining" if leaving else "OK" if self.ready else "starting"
        if healthy and (trouble := await self._trouble()):
            message = f"degraded: {trouble}"
        body: dict[str, Any] = {"ok": healthy, "code": "0" if healthy else "1306000", "message": message, "data": {}}
        return self._responses.json(request, request_id(request), json_codec.encode(body), 200 if healthy else 503)

    async def _answer(
        self, incoming: IncomingRequest, generation: Generation, task: "asyncio.Task[Any]"
    ) -> web.StreamResponse:
        observer = self._observer
        if observer.tracer is not None:
            incoming.record.span = observer.tracer.call(incoming.request.headers)
        try:
            if generation.cors is not None and (
                asked := generation.cors.preflight(incoming.request, _routes(generation, incoming.request.path))
            ):
                incoming.route, incoming.record.headers = asked
                answer: Any = Reply(204)
            else:
                answer = await self._within_deadline(incoming, self._route(incoming, generation), task)
            if isinstance(answer, SwitchedProtocols):
                written = await self._websocket(incoming, answer)
            elif isinstance(answer, Reply) and isinstance(answer.body, AsyncIterator):
                written = await responses.streamed(incoming, answer, observer)
            else:
                written = responses.written(incoming, answer, self._responses)
        except ClientDisconnected:
            nobody = responses.FinalResponse(web.Response(), responses.CUT_SHORT, "caller", Reason.CALLER_LEFT)
            self._finished(incoming, nobody, 0)
            return nobody.response
        except asyncio.CancelledError:
            nobody = responses.FinalResponse(web.Response(), responses.CUT_SHORT, "gateway", Reason.CUT_OFF)
            self._finished(incoming, nobody, 0)
            raise
        except Exception as error:  # noqa: BLE001 - the rim: a bug must not take the answer's form away
            if incoming.route is None:
                incoming.asked_path = generation.routes.shown(incoming.request)
            written = responses.failed(incoming, error, self._responses, observer)
        self._finished(incoming, written, written.response.status)
        return written.response

    async def _websocket(self, incoming: IncomingRequest, answer: SwitchedProtocols) -> responses.FinalResponse:
        """Relay a WebSocket to its end. It is a call in flight all the time; draining ends it."""
        async with answer.held:
            headers = [*responses.headers(incoming, answer.headers).items()]
            try:
                relay = relay_of(incoming.request, answer, headers)
            except ConnectionError:
                raise ClientDisconnected from None
            self.websockets.add(relay)
            try:
                if self.draining:
                    relay.leave()
                await relay.run()
            finally:
                self.websockets.discard(relay)
        return responses.FinalResponse(SwitchedResponse(), 0)

    def _finished(self, incoming: IncomingRequest, ended: responses.FinalResponse, status: int) -> None:
        route, record = incoming.route, incoming.record
        if route is None:
            path = asked_path = incoming.asked_path
            system = component = ""
        else:
            path, system, component, asked_path = route.path, route.system, route.component, route.asked_path
        seconds = time.monotonic() - incoming.started
        self._observer.end(
            CallFinished(  # by position: by name, so many fields would take three times as long; bench: send
                incoming.id,
                incoming.request.method,
                path,
                system,
                component,
                record.app,
                record.user,
                record.user_source,
                ended.code,
                status,
                seconds,
                incoming.client_ip,
                ended.source,
                ended.reason,
                "" if record.app or not ended.source else incoming.claimed_app,
                asked_path,
                record.secret_number,
                record.secret_id,
                sent_summary(record.reports) if record.reports else None,
            ),
            record.span,
        )

    def _route(self, incoming: IncomingRequest, generation: Generation) -> Route:
        if self.draining or not self.ready:
            raise Draining("The gateway is shutting down or not ready yet, please try again later")
        admission, in_flight = self.admission, len(self.in_flight)
        if in_flight > admission.calls.most and admission.strangers(in_flight) > admission.calls.most:
            raise admission.too_many()
        request, route = incoming.request, None
        if request.raw_path.startswith(COMPONENTS):  # nearly always as it is declared; bench: send
            route = generation.routes.exact.get((request.raw_path[BASE:], request.method))
        if route is None:
            route = self._found(incoming, generation)
        if not route.active:
            raise inactive()
        incoming.route = route
        if incoming.variables:
            incoming.variables = checked(route, incoming.variables)
            if route.tokens is not None:
                incoming.take_token(route.tokens)
        return route

    def _found(self, incoming: IncomingRequest, generation: Generation) -> Route:
        """Find the route of a path with variables, of one written in another way than declared, or of our own."""
        request, path, found = incoming.request, decoded_path(incoming.request.rel_url.raw_path), None
        routes = _routes(generation, path)
        below = routes.below(path)
        if below:
            found = routes.find(below, request.method)
        if found is None:
            if path.startswith(SELF_SERVICE):
                raise Inactive("Not found, inactive buffet component")
            raise self._not_found(incoming, routes, below)
        route, incoming.variables = found
        return route

    def _not_found(self, incoming: IncomingRequest, routes: Routes, below: str) -> NotFound:
        """Return the error for a path, `below` the root of these routes or "", that nobody answers so."""
        data: dict[str, Any] | None = None
        if below and (methods := routes.methods(below)):
            data = {"methods": methods}
            incoming.record.headers["Allow"] = ", ".join(methods)
        elif below and (meant := routes.nearest(below)) is not None:
            data = {"did_you_mean": f"{routes.root}{meant}"}
        return not_found(data)

    async def _within_deadline(self, incoming: IncomingRequest, route: Route, task: "asyncio.Task[Any]") -> Any:
        call = None
        try:
            with route.deadlines.of(task) as deadline:
                call = await incoming.call(route, deadline.when - ANSWER_SECONDS, self.admission)
                if not route.streams_body:
                    return await route.handler(call)
                async with while_connected(incoming.request.transport):
                    return await route.handler(call)
        except TimeoutError:
            if not deadline.has_passed():
                raise
        if call is None:
            raise BadBody(
                "Parameters error, the request body did not arrive within {seconds:g} seconds", seconds=route.timeout
            )
        reason = Message(
            "Third-party system interface response time exceeds {seconds:g} seconds", {"seconds": route.timeout}
        )
        sent = incoming.record.sent
        data = {"outcome": "unknown", "retryable": False} if sent else None
        raise UpstreamError(route.system, route.component, reason, sent=sent, data=data)


def _routes(generation: Generation, path: str) -> Routes:
    """Return the routes among which one of this path is looked for: those of components, or the gateway's own."""
    return generation.routes if path.startswith(COMPONENTS) else generation.own_routes

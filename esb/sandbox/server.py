"""The HTTP server: every request goes through one handler, to the platforms' endpoints or to the control API."""

import asyncio
import time
from collections.abc import Callable

from aiohttp import web

from esb.sandbox import control, endpoints, fault_effects
from esb.sandbox.accept import HTML, JSON, prefers
from esb.sandbox.pages.listing import PATH as INBOX
from esb.sandbox.receipts import Courier
from esb.sandbox.state import State
from esb.sandbox.wire import Answer, Call, Code
from esb.sandbox.world import WORLD, World

MAX_BODY = 64 * 1024 * 1024
CONTROL = "/_sandbox/"


def create_sandbox(*, clock: Callable[[], float] = time.time) -> web.Application:
    """Make a sandbox with the default seed. `clock` gives seconds since the epoch; the control API pushes it ahead."""
    courier = Courier()
    world = World(clock, courier.post)
    sandbox = Sandbox(world, courier)
    app = web.Application(client_max_size=MAX_BODY)
    app.router.add_route("*", "/{path:.*}", sandbox.handle)
    app[WORLD] = world
    app.on_shutdown.append(sandbox.stop)
    return app


class Sandbox:
    """One world and the requests under way."""

    def __init__(self, world: World, courier: Courier) -> None:
        self._courier = courier
        self._world = world
        self._stopping = asyncio.Event()

    async def stop(self, app: web.Application) -> None:
        """End the calls that wait, be it by a fault or for a message, and the receipts under way."""
        self._stopping.set()
        self._world.changes.end()
        await self._courier.close()

    async def handle(self, request: web.Request) -> web.StreamResponse:
        path = request.path
        if path.startswith(CONTROL):
            return await control.handle(self._world, request)
        if path == "/" and request.method == "GET" and prefers(request.headers.get("Accept", ""), HTML, JSON):
            return web.Response(status=302, headers={"Location": INBOX})  # somebody has typed the address
        path = endpoints.name_of(request.method, path, request.headers)
        state = self._world.state
        counted = state.counted[path if path in endpoints.ENDPOINTS else "unknown"]
        counted.arrived()
        try:
            body = await request.read()
            content_type = request.headers.get("Content-Type", "")
            remote = request.remote or ""
            call = Call(request.method, path, request.query, body, remote, content_type, request.headers)
            if self._world.faults:
                response, errcode = await self._with_faults(state, request, call)
            else:
                answer, _ = endpoints.answer(state, call)
                response, errcode = plain_response(answer), answer.errcode
        finally:
            counted.in_flight -= 1
        if errcode is not None:
            counted.answered(errcode)
        return response

    async def _with_faults(
        self, state: State, request: web.Request, call: Call
    ) -> tuple[web.StreamResponse, Code | None]:
        fault = self._world.faults.pick(call.path, lambda: endpoints.subject(state, call))
        if fault is None:
            answer, _ = endpoints.answer(state, call)
            return plain_response(answer), answer.errcode
        return await fault_effects.happen(fault, state, request, call, self._stopping)


def plain_response(answer: Answer) -> web.Response:
    """Return a response that leaves in one write: head and body together."""
    return web.Response(status=answer.status, headers=answer.headers, body=answer.body)

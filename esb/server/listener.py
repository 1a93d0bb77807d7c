"""Sockets and HTTP servers: an application that listens at an address, until it is left."""

import asyncio
import logging
import os
import socket
import sys
import traceback
from collections.abc import AsyncIterator, MutableMapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from typing import Any

from aiohttp import web

from esb.core.errors import GatewayError
from esb.gateway.app import GATEWAY
from esb.incoming.ingress import Ingress
from esb.server.application_runner import ApplicationRunner
from esb.server.connection import Connection
from esb.server.connection_slots import ConnectionSlots
from esb.server.listening_sockets import ADMIN, BACKLOG, PUBLIC, ListeningSockets
from esb.server.unix_socket import private_socket

IDLE_SECONDS = 100.0
"""Seconds that a connection may have no complete head of a request: new, between two requests, or inside of one.

Longer than load balancers keep theirs (nginx and most others 60, Go 90), so that none of them sends into a closed one.
"""
UNTAKEN_SECONDS = 300.0
"""Seconds for which an answer may wait for a client that takes nothing of it. Streams have their own, shorter time."""
LINGERING_SECONDS = 5.0
"""Seconds for which the rest of a body is read and dropped that was refused: who still sends, reads no answer."""
SHUTDOWN_SECONDS = 1.0
"""Seconds for an answer that is being written when the server stops."""


class CannotListen(GatewayError):
    """An address could not be opened; the text says which, who chose it, and why."""


@asynccontextmanager
async def listening(
    app: web.Application,
    host: str,
    port: int,
    chosen_by: str = "",
    *,
    sockets: ListeningSockets | None = None,
    name: str = PUBLIC,
) -> AsyncIterator[str]:
    """Serve the application at this address and yield its URL, with the real port. CannotListen if that fails.

    `chosen_by` is the key or option that CannotListen tells to change; `sockets` has those of this `name`, if any were
    there before this process.
    """
    options, sockets, server = _options(), sockets or ListeningSockets(), None
    async with AsyncExitStack() as stack:
        runner: web.BaseRunner = ApplicationRunner(
            app, handle_signals=False, shutdown_timeout=SHUTDOWN_SECONDS, **options
        )
        stack.push_async_callback(runner.cleanup)
        await runner.setup()
        if (gateway := app.get(GATEWAY)) is not None:  # ingress routes by itself: aiohttp's router would only cost time
            slots = ConnectionSlots(gateway.config.server.max_connections, gateway.admission.refusals)
            stack.enter_context(slots.watching_files())
            server = _Server(gateway.ingress, slots, **options)
            runner = web.ServerRunner(server, handle_signals=False, shutdown_timeout=SHUTDOWN_SECONDS)
            stack.push_async_callback(runner.cleanup)
            await runner.setup()
        held = opened(sockets, name, host, port, chosen_by)
        sites = [web.SockSite(runner, each, backlog=BACKLOG) for each in held]
        for site in sites:
            await site.start()
        sockets.on_retirement(partial(_retired, sites, server))
        yield f"http://{authority(host, runner.addresses[0][1])}"


async def _retired(sites: Sequence[web.SockSite], server: "_Server | None") -> None:
    """Accept no more, and return when all that callers had connected for is answered."""
    for site in sites:
        await site.stop()
    if server is not None:
        await server.retired()


@asynccontextmanager
async def listening_privately(
    app: web.Application, path: str, chosen_by: str, *, sockets: ListeningSockets | None = None
) -> AsyncIterator[str]:
    """Serve the application at a Unix socket for this process's user and root, and yield its URL. CannotListen."""
    sockets = sockets or ListeningSockets()
    async with AsyncExitStack() as stack:
        runner = ApplicationRunner(app, handle_signals=False, shutdown_timeout=SHUTDOWN_SECONDS, **_options())
        stack.push_async_callback(runner.cleanup)
        await runner.setup()
        try:
            held = sockets.private(ADMIN, path) or stack.enter_context(private_socket(path, kept=lambda: sockets.left))
            site = web.SockSite(runner, held, backlog=BACKLOG)
            await site.start()
        except OSError as error:
            raise CannotListen(f"cannot listen on {path} ({chosen_by}): {_reason(error)}") from error
        sockets.hold(ADMIN, held)
        sockets.on_retirement(partial(_retired, [site], None))
        try:
            yield f"unix:{path}"
        finally:
            if site in runner.sites:  # before its socket closes, unless a successor has it
                await site.stop()


def _options() -> dict[str, Any]:
    """Return how every listener speaks HTTP."""
    return {
        "access_log": None,
        "logger": _TextlessLogger(logging.getLogger("esb.serving")),
        "keepalive_timeout": IDLE_SECONDS,
        "auto_decompress": False,  # a body that is passed on stays as it is; ingress unpacks the others
    }


def authority(host: str, port: int) -> str:
    """Return HOST:PORT as URLs have it, an IPv6 address in brackets."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def opened(sockets: ListeningSockets, name: str, host: str, port: int, chosen_by: str) -> Sequence[socket.socket]:
    """Return the sockets of this listener. CannotListen names the address, who chose it, and the system's reason."""
    try:
        return sockets.bound(name, host, port)
    except OSError as error:
        choice = f" ({chosen_by})" if chosen_by else ""
        raise CannotListen(f"cannot listen on {authority(host, port)}{choice}: {_reason(error)}") from error


def _reason(error: OSError) -> str:
    """Return the system's own words; event loops wrap them in theirs. Unresolvable names have negative numbers."""
    return os.strerror(error.errno) if error.errno and error.errno > 0 else error.strerror or str(error)


class _Server(web.Server):
    """An HTTP server with a bound on connections, that does not keep answers for ever for those who take none."""

    def __init__(self, ingress: Ingress, slots: ConnectionSlots, **options: Any) -> None:
        super().__init__(ingress.handle, lingering_time=LINGERING_SECONDS, **options)
        self._ingress = ingress
        self._slots = slots
        self._emptied: asyncio.Event | None = None
        """Set when the last connection has ended; None before a successor has taken over."""

    async def retired(self) -> None:
        """Answer what comes on the connections, each time as the last on its own; return when none is left."""
        self._emptied = asyncio.Event()
        for connection in self._connections:
            connection.retire()  # type: ignore[attr-defined]  # made by __call__, as all are
        if self._connections:
            await self._emptied.wait()

    def __call__(self) -> web.RequestHandler:
        return Connection(self, self._ingress, loop=self._loop, **self._kwargs)

    def connection_made(self, handler: web.RequestHandler, transport: asyncio.Transport) -> None:
        super().connection_made(handler, transport)
        connection = transport.get_extra_info("socket")
        if hasattr(socket, "TCP_USER_TIMEOUT"):  # Linux
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, int(UNTAKEN_SECONDS * 1000))
        self._ingress.admission.connections += 1
        self._ingress.admission.changed()
        if not self._slots.admit(connection.fileno(), self._connections):  # type: ignore[arg-type]  # all are Connections
            handler.force_close()

    def connection_lost(self, handler: web.RequestHandler, exc: BaseException | None = None) -> None:
        super().connection_lost(handler, exc)
        self._ingress.admission.connections -= 1
        self._ingress.admission.changed()
        self._slots.gone(handler)  # type: ignore[arg-type]  # made by __call__, as all are
        if self._emptied is not None and not self._connections:
            self._emptied.set()


class _TextlessLogger(logging.LoggerAdapter[logging.Logger]):
    """The HTTP server's log without the texts of errors: they quote the request, its credentials too."""

    def process(self, msg: str, kwargs: MutableMapping[str, Any]) -> tuple[str, MutableMapping[str, Any]]:
        error = kwargs.pop("exc_info", None)
        if error is True:
            error = sys.exc_info()[1]
        if isinstance(error, BaseException):
            where = [f" at {frame.filename}:{frame.lineno}" for frame in traceback.extract_tb(error.__traceback__)[-1:]]
            msg += "".join([": ", type(error).__name__, *where]).replace("%", "%%")
        return msg, kwargs

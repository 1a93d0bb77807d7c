"""Runs servers until a signal says stop: the gateway, the sandbox, or both for a demonstration."""

import asyncio
import gc
import logging
import os
import signal
import socket
import sys
import traceback
from collections.abc import AsyncIterator, Coroutine, Mapping, MutableMapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeVar

from aiohttp import web

from esb.config import Sandbox, load
from esb.core.errors import GatewayError
from esb.core.events import Listener
from esb.gateway.app import GATEWAY, Gateway, create_app
from esb.gateway.reload import Reloading
from esb.server import instrumentation
from esb.server.systemd import READY, STOPPING, notify
from esb.telemetry import logs
from esb.telemetry.metrics import Tally

try:
    import uvloop
except ImportError:  # pragma: no cover - tests/project/test_fallbacks.py runs a gateway without it
    uvloop = None  # type: ignore[assignment]  # run() asks

T = TypeVar("T")
IDLE_SECONDS = 100.0
"""How long a connection may have no complete head of a request: new, between two requests, or in the middle of one.

Longer than load balancers keep theirs (nginx and most others 60, Go 90), so that none of them sends into a closed one.
"""
BACKLOG = 1024
"""So many may connect at the same moment; of more, the system lets some try again after a second."""
UNTAKEN_SECONDS = 300.0
"""How long an answer may wait for a client that takes nothing of it. Streams have their own, shorter time."""
NEW_OBJECTS = 10_000
"""Between two collections of cyclic garbage; Python's own 700 are less than a few calls in flight hold."""
SHUTDOWN_SECONDS = 1.0
"""What an answer that is being written gets when the server stops."""
SANDBOX_HOST = "127.0.0.1"
UNKNOWN_YET = f"http://{SANDBOX_HOST}:{Sandbox().port}"
"""What ${sandbox} stands for in a check before the sandbox listens."""


class CannotListen(GatewayError):
    """An address could not be opened; the text says which, who chose it, and why."""


def run(main: Coroutine[Any, Any, T]) -> T:
    """Runs `main` to its end, on uvloop where it is installed."""
    if uvloop is None:
        return asyncio.run(main)
    return uvloop.run(main)


@dataclass(frozen=True, slots=True)
class Deployment:
    """A gateway that listens at `url`, and what reloads it."""

    gateway: Gateway
    url: str
    reloading: Reloading
    sandbox_url: str | None


async def serve(path: str, environ: Mapping[str, str], host: str | None, port: int | None) -> None:
    """The gateway of this config until TERM or INT; with the sandbox, if the config asks for one. HUP reloads it.

    Raises ConfigError before anything is opened, and CannotListen.
    """
    stopped = stop_signal()
    async with deployed(path, environ, host, port, [logs.listener(environ, at_once=False)]) as deployment:
        announce(deployment.url)
        notify(environ, READY)
        settle()
        await stopped.wait()
        notify(environ, STOPPING)
        await deployment.gateway.drain(deployment.gateway.config.server.shutdown_grace)


@asynccontextmanager
async def deployed(
    path: str,
    environ: Mapping[str, str],
    host: str | None,
    port: int | None,
    listeners: Sequence[Listener],
    *,
    always_sandbox: bool = False,
) -> AsyncIterator[Deployment]:
    """A gateway that listens where its config says, or where `host` and `port` do; with its sandbox."""
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGHUP, lambda: None)  # all is being read: one that comes now must not end us
    config = load(path, environ, sandbox_url=UNKNOWN_YET if always_sandbox else None)
    sandbox_url = None
    async with AsyncExitStack() as stack:
        if always_sandbox or config.sandbox is not None:
            create_app(config)  # all mistakes, before the sandbox opens a port
            chosen = config.sandbox or Sandbox(port=0)
            sandbox_url = await stack.enter_async_context(sandbox(chosen.port, "sandbox.port"))
            config = load(path, environ, sandbox_url=sandbox_url)
        reread = partial(load, path, environ, sandbox_url=sandbox_url)
        tracer = await stack.enter_async_context(instrumentation.traced(environ))
        admin, tally = config.server.admin, Tally()
        app = create_app(config, listeners=[*listeners, tally] if admin else listeners, tracer=tracer)
        reloader = Reloading(app[GATEWAY], reread)
        if admin is not None:
            desk = instrumentation.admin(app[GATEWAY], tally, reloader.reload)
            await stack.enter_async_context(listening(desk, admin.host, admin.port, "server.admin.port"))
        url = await stack.enter_async_context(
            listening(
                app,
                config.server.host if host is None else host,
                config.server.port if port is None else port,
                chosen_by="server.port" if port is None else "--port",
            )
        )
        await stack.enter_async_context(reloader.running())
        loop.add_signal_handler(signal.SIGHUP, reloader.ask)
        yield Deployment(app[GATEWAY], url, reloader, sandbox_url)


async def serve_sandbox(port: int) -> None:
    """The sandbox alone, until TERM or INT."""
    stopped = stop_signal()
    async with sandbox(port, "--port") as url:
        announce(url)
        await stopped.wait()


def settle() -> None:
    """What start-up has built stays: no collection needs to look through it. And calls leave few cycles behind."""
    gc.freeze()
    gc.set_threshold(NEW_OBJECTS)
    gc.enable()  # `esb serve` starts without


def announce(url: str) -> None:
    """The ready line: others wait for it."""
    print(f"listening on {url}", flush=True)  # noqa: T201 - the contract of the command line


def stop_signal() -> asyncio.Event:
    """An event that TERM and INT set."""
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopped.set)
    return stopped


@asynccontextmanager
async def sandbox(port: int, chosen_by: str = "") -> AsyncIterator[str]:
    """A running WeChat sandbox; its URL."""
    from esb.sandbox import create_sandbox

    async with listening(create_sandbox(), SANDBOX_HOST, port, chosen_by) as url:
        yield url


@asynccontextmanager
async def listening(
    app: web.Application, host: str, port: int, chosen_by: str = "", *, shared: bool = False
) -> AsyncIterator[str]:
    """The application, served at this address; its URL, with the real port.

    `chosen_by` is the key or option that CannotListen tells to change. Other processes listen on a `shared` one too.
    """
    options: dict[str, Any] = {
        "access_log": None,
        "logger": _Untold(logging.getLogger("esb.serving")),
        "keepalive_timeout": IDLE_SECONDS,
        "auto_decompress": False,  # a body that is passed on stays as it is; ingress unpacks the others
    }
    shown = f"[{host}]" if ":" in host else host
    async with AsyncExitStack() as stack:
        runner: web.BaseRunner = web.AppRunner(app, handle_signals=False, shutdown_timeout=SHUTDOWN_SECONDS, **options)
        stack.push_async_callback(runner.cleanup)
        await runner.setup()
        if (gateway := app.get(GATEWAY)) is not None:  # ingress routes by itself: aiohttp's router would only cost time
            runner = web.ServerRunner(
                _Server(gateway.ingress.handle, **options), handle_signals=False, shutdown_timeout=SHUTDOWN_SECONDS
            )
            stack.push_async_callback(runner.cleanup)
            await runner.setup()
        try:
            await web.TCPSite(runner, host, port, backlog=BACKLOG, reuse_port=shared or None).start()
        except OSError as error:
            raise cannot_listen(shown, port, chosen_by, error) from error
        yield f"http://{shown}:{runner.addresses[0][1]}"


class _Server(web.Server):
    """Does not keep answers for ever for those who do not take them."""

    def connection_made(self, handler: web.RequestHandler, transport: asyncio.Transport) -> None:
        super().connection_made(handler, transport)
        if hasattr(socket, "TCP_USER_TIMEOUT"):  # Linux
            connection = transport.get_extra_info("socket")
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, int(UNTAKEN_SECONDS * 1000))


class _Untold(logging.LoggerAdapter[logging.Logger]):
    """What the HTTP server logs, without the texts of errors: they quote the request, its credentials too."""

    def process(self, msg: str, kwargs: MutableMapping[str, Any]) -> tuple[str, MutableMapping[str, Any]]:
        error = kwargs.pop("exc_info", None)
        if error is True:
            error = sys.exc_info()[1]
        if isinstance(error, BaseException):
            where = [f" at {frame.filename}:{frame.lineno}" for frame in traceback.extract_tb(error.__traceback__)[-1:]]
            msg += "".join([": ", type(error).__name__, *where]).replace("%", "%%")
        return msg, kwargs


def cannot_listen(host: str, port: int, chosen_by: str, error: OSError) -> CannotListen:
    choice = f" ({chosen_by})" if chosen_by else ""
    return CannotListen(f"cannot listen on {host}:{port}{choice}: {_reason(error)}")


def _reason(error: OSError) -> str:
    """The system's own words; event loops wrap them in theirs. Names that do not resolve have negative numbers."""
    return os.strerror(error.errno) if error.errno and error.errno > 0 else error.strerror or str(error)

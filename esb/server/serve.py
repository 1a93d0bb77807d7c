"""Runs servers until a signal says stop: the gateway, the sandbox, or both for a demonstration."""

import asyncio
import gc
import signal
from collections.abc import AsyncIterator, Coroutine, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeVar

from esb.config import Sandbox, load
from esb.core.events import Listener
from esb.gateway.app import GATEWAY, Gateway, create_app
from esb.gateway.reload import Reloading
from esb.server import instrumentation
from esb.server.listener import listening
from esb.server.systemd import READY, STOPPING, notify
from esb.telemetry import logs
from esb.telemetry.metrics import Tally

try:
    import uvloop
except ImportError:  # pragma: no cover - tests/project/test_fallbacks.py runs a gateway without it
    uvloop = None  # type: ignore[assignment]  # run() asks

T = TypeVar("T")
NEW_OBJECTS = 10_000
"""Between two collections of cyclic garbage; Python's own 700 are less than a few calls in flight hold."""
SANDBOX_HOST = "127.0.0.1"
UNKNOWN_YET = f"http://{SANDBOX_HOST}:{Sandbox().port}"
"""What ${sandbox} stands for in a check before the sandbox listens."""


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

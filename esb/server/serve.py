"""Commands that serve until a signal says stop: `esb serve` in one process, and `esb sandbox`."""

import asyncio
import gc
import os
import signal
from collections.abc import Callable, Coroutine, Mapping
from contextlib import suppress
from typing import Any, TypeVar

from esb.config import ConfigSource, Sandbox, SandboxAddress
from esb.gateway.app import Gateway
from esb.server.deployment import deployed
from esb.server.last_good import Fallback, LastGood
from esb.server.listening_sockets import inherited
from esb.server.process_life import ProcessLife
from esb.server.sandbox import sandbox
from esb.server.successor import Succession
from esb.server.systemd import READY, STOPPING, notify
from esb.telemetry import logs
from esb.telemetry.log_writer import LogWriter

try:
    import uvloop
except ImportError:  # pragma: no cover - tests/project/test_fallbacks.py runs a gateway without it
    uvloop = None  # type: ignore[assignment]  # run() asks

T = TypeVar("T")
NEW_OBJECTS = 10_000
"""New objects between two searches for cyclic garbage; Python's own 700 are less than a few calls in flight hold."""


def run(main: Coroutine[Any, Any, T]) -> T:
    """Run `main` to its end, on uvloop where it is installed. After that, HUP and USR2 end the process no more."""
    try:
        return asyncio.run(main) if uvloop is None else uvloop.run(main)
    finally:  # the event loop has given them their default back
        for number in (signal.SIGHUP, signal.SIGUSR2):
            signal.signal(number, signal.SIG_IGN)


async def serve(
    source: ConfigSource,
    host: str | None,
    port: int | None,
    log: LogWriter,
    last_good: LastGood | None = None,
    fallback: Fallback | None = None,
) -> None:
    """Serve the gateway until TERM or INT; with the sandbox, if its configuration asks for one. HUP reloads it.

    What answers is kept as `last_good`; with a `fallback` it is that already.

    Raises ConfigError before anything is opened, and CannotListen.
    """
    stop, hangup, restart = stop_signal(), hangup_signal(), restart_signal()
    listeners = [logs.listener(source.environ, log, at_once=False)]
    sockets = inherited(os.environ)
    deploying = deployed(
        source, host, port, listeners, log=log, sockets=sockets, last_good=last_good, fallback=fallback
    )
    async with deploying as deployment:
        gateway, succession = deployment.gateway, deployment.succession
        assert succession is not None  # noqa: S101 - there are sockets
        with ProcessLife(gateway.observer, "gateway", deployment.url, lambda: gateway.config):
            async with deployment.reloader.following(hangup), succession.following(restart):
                await serve_until(stop, succession, deployment.url, source.environ)
            server = gateway.config.server
            if succession.taken_over.is_set():
                gateway.succeeded = True
                await sockets.retire(server.shutdown_grace)
            else:
                await lame_duck(gateway, server.lame_duck)
            await gateway.drain(server.shutdown_grace)


async def lame_duck(gateway: Gateway, seconds: float, alone: asyncio.Event | None = None) -> None:
    """Answer as before for so many seconds, but for the probes of health: whoever sends us callers is to notice.

    A worker whose supervisor has gone, as `alone` tells, does so no longer.
    """
    if seconds:
        gateway.ingress.leaving = True
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await (alone or asyncio.Event()).wait()


async def serve_sandbox(chosen: Sandbox, ready: Callable[[SandboxAddress], None]) -> None:
    """Serve the sandbox alone, until TERM or INT. `ready` is told where it listens."""
    stop = stop_signal()
    async with sandbox(chosen, {"port": "--port", "smtp_port": "--smtp-port"}) as address:
        ready(address)
        announce(address.url)
        await stop.wait()


async def serve_until(stop: asyncio.Event, succession: Succession, url: str, environ: Mapping[str, str]) -> None:
    """Say that the gateway is ready, wait for the signal to stop or a successor, and tell the service manager of it."""
    announce(url)
    notify(environ, READY)
    succession.begin()
    settle()
    await first(stop, succession.taken_over)
    if not succession.taken_over.is_set():  # whose successor is by now the one that systemd watches
        notify(environ, STOPPING)


async def first(*events: asyncio.Event) -> None:
    """Wait until one of these events is set."""
    waiting = [asyncio.create_task(event.wait()) for event in events]
    await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
    for each in waiting:
        each.cancel()


def announce(url: str) -> None:
    """Print the ready line: others wait for it."""
    print(f"listening on {url}", flush=True)  # noqa: T201 - the contract of the command line


def settle() -> None:
    """Freeze what start-up has built, which stays, and collect garbage seldom: calls leave few cycles.

    Bench: send.
    """
    gc.freeze()
    gc.set_threshold(NEW_OBJECTS)
    gc.enable()  # `esb serve` starts without


def stop_signal() -> asyncio.Event:
    """Return an event that TERM and INT set."""
    return _set_by(signal.SIGTERM, signal.SIGINT)


def hangup_signal() -> asyncio.Event:
    """Return an event that HUP sets, which ends the process no more."""
    return _set_by(signal.SIGHUP)


def restart_signal() -> asyncio.Event:
    """Return an event that USR2 sets."""
    return _set_by(signal.SIGUSR2)


def _set_by(*numbers: signal.Signals) -> asyncio.Event:
    event = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in numbers:
        loop.add_signal_handler(number, event.set)
    return event

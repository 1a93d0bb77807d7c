"""Commands that serve until a signal says stop: `esb serve` in one process, and `esb sandbox`."""

import asyncio
import gc
import signal
from collections.abc import Coroutine, Mapping
from typing import Any, TypeVar

from esb.config import ConfigSource
from esb.server.deployment import deployed, sandbox
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
    """Run `main` to its end, on uvloop where it is installed."""
    if uvloop is None:
        return asyncio.run(main)
    return uvloop.run(main)


async def serve(source: ConfigSource, host: str | None, port: int | None, log: LogWriter) -> None:
    """Serve the gateway until TERM or INT; with the sandbox, if its configuration asks for one. HUP reloads it.

    Raises ConfigError before anything is opened, and CannotListen.
    """
    stop, hangup = stop_signal(), hangup_signal()
    listeners = [logs.listener(source.environ, log, at_once=False)]
    async with (
        deployed(source, host, port, listeners, log=log) as deployment,
        deployment.reloader.following(hangup),
    ):
        await serve_until(stop, deployment.url, source.environ)
        await deployment.gateway.drain(deployment.gateway.config.server.shutdown_grace)


async def serve_sandbox(port: int) -> None:
    """Serve the sandbox alone, until TERM or INT."""
    stop = stop_signal()
    async with sandbox(port, "--port") as url:
        announce(url)
        await stop.wait()


async def serve_until(stop: asyncio.Event, url: str, environ: Mapping[str, str]) -> None:
    """Say that the gateway is ready, wait for the signal to stop, and tell the service manager of it."""
    announce(url)
    notify(environ, READY)
    settle()
    await stop.wait()
    notify(environ, STOPPING)


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


def _set_by(*numbers: signal.Signals) -> asyncio.Event:
    event = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in numbers:
        loop.add_signal_handler(number, event.set)
    return event

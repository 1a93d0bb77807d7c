"""`esb serve` with several processes: the workers of one gateway, until a signal says stop."""

import asyncio
from contextlib import AsyncExitStack

from esb.config import ConfigSource
from esb.core.events import Observer
from esb.gateway.app import create_app
from esb.gateway.reload import Reloader
from esb.server.deployment import address, administered, configured
from esb.server.listener import authority, cannot_listen
from esb.server.serve import hangup_signal, serve_until, stop_signal
from esb.server.workers.shared_address import shared_address
from esb.server.workers.supervisor import Supervisor
from esb.telemetry import logs
from esb.telemetry.log_writer import LogWriter
from esb.telemetry.metrics import Tally


async def supervised(source: ConfigSource, host: str | None, port: int | None, log: LogWriter) -> None:
    """Serve the workers of the gateway until TERM or INT; HUP reloads them. The supervisor itself answers no calls.

    Raises ConfigError before anything is opened, and CannotListen.
    """
    stop, hangup = stop_signal(), hangup_signal()
    async with AsyncExitStack() as stack:
        found = await stack.enter_async_context(configured(source))
        config = found.config
        create_app(config)  # all mistakes, before anything is opened that callers reach
        public, wanted, chosen_by = address(config.server, host, port)
        try:
            held, real = shared_address(public, wanted)
        except OSError as error:
            raise cannot_listen(public, wanted, chosen_by, error) from error
        stack.callback(held.close)
        tally = Tally(lines_dropped=lambda: log.dropped)
        observer = Observer([logs.listener(source.environ, log, at_once=False), tally])
        supervisor = Supervisor(config, public, real, observer, tally)
        reloader = Reloader(config, found.reread, supervisor.reload, observer)
        await stack.enter_async_context(administered(config.server.admin, supervisor, reloader))
        stack.push_async_callback(supervisor.stop)  # while the admin listener still tells that they drain
        if not await _started(supervisor, stop):
            return
        async with reloader.following(hangup):
            await serve_until(stop, f"http://{authority(public, real)}", source.environ)


async def _started(supervisor: Supervisor, stop: asyncio.Event) -> bool:
    """Wait until all workers listen; return False if the signal to stop comes before. WorkersDoNotStart."""
    starting = asyncio.create_task(supervisor.start())
    stopping = asyncio.create_task(stop.wait())
    try:
        await asyncio.wait({starting, stopping}, return_when=asyncio.FIRST_COMPLETED)
        if stop.is_set():
            return False
        await starting
        return True
    finally:
        starting.cancel()
        stopping.cancel()

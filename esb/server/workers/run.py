"""`esb serve` with several processes: the workers of one gateway, until a signal says stop."""

import asyncio
import os
from contextlib import AsyncExitStack

from esb.config import ConfigSource
from esb.core.events import Observer
from esb.gateway.app import create_app
from esb.gateway.process_database import require_fit
from esb.gateway.reload import Reloader
from esb.server.deployment import address, configured, keeping, started
from esb.server.last_good import TROUBLE, Fallback, LastGood
from esb.server.listener import authority, opened
from esb.server.listening_sockets import PUBLIC, inherited
from esb.server.operators import operating
from esb.server.process_life import ProcessLife
from esb.server.serve import hangup_signal, restart_signal, serve_until, stop_signal
from esb.server.successor import Succession
from esb.server.workers.supervisor import Supervisor
from esb.telemetry import logs
from esb.telemetry.log_writer import LogWriter
from esb.telemetry.metrics import Tally


async def supervised(
    source: ConfigSource,
    host: str | None,
    port: int | None,
    log: LogWriter,
    last_good: LastGood | None = None,
    fallback: Fallback | None = None,
) -> None:
    """Serve the workers of the gateway until TERM or INT; HUP reloads them. The supervisor itself answers no calls.

    What answers is kept as `last_good`; with a `fallback` it is that already.

    Raises ConfigError before anything is opened, and CannotListen.
    """
    stop, hangup, restart = stop_signal(), hangup_signal(), restart_signal()
    sockets = inherited(os.environ)
    async with AsyncExitStack() as stack:
        found = await stack.enter_async_context(configured(source, sockets=sockets, fallback=fallback))
        config = found.config
        create_app(config)  # all mistakes, before anything is opened that callers reach
        await require_fit(config)
        public, wanted, chosen_by = address(config.server, host, port)
        held = opened(sockets, PUBLIC, public, wanted, chosen_by)
        for each in held:
            stack.callback(each.close)
        real = held[0].getsockname()[1]
        tally = Tally(lines_dropped=lambda: log.dropped)
        observer = Observer([logs.listener(source.environ, log, at_once=False), tally])
        supervisor = Supervisor(
            config, public, real, held, observer, tally, "" if fallback is None else TROUBLE, restart.set
        )
        succession = Succession(sockets, source.environ, observer)
        keep = keeping(last_good, found.reread, observer)
        reloader = Reloader(config, found.reread, supervisor.reload, observer, keep)
        url = f"http://{authority(public, real)}"
        listeners = await stack.enter_async_context(AsyncExitStack())  # left when the workers have ended
        operators = operating(supervisor, reloader, succession, lambda: url, found.sandbox_url)
        if not sockets.inherited:
            await listeners.enter_async_context(operators)
        life = ProcessLife(observer, "supervisor", url, supervisor.config)
        stack.callback(life.end)  # when all workers have ended
        stack.push_async_callback(_end, supervisor, succession)  # while the admin listener still tells that they drain
        if not await _started(supervisor, stop):
            return
        if sockets.inherited:  # as in deployed: no probe hears of a start
            await listeners.enter_async_context(operators)
        await started(keep, fallback, observer)
        life.begin()
        async with reloader.following(hangup), succession.following(restart):
            await serve_until(stop, succession, url, source.environ)


async def _end(supervisor: Supervisor, succession: Succession) -> None:
    """Stop the workers; or leave operators to a successor at once, and let them answer what has come to them."""
    if succession.taken_over.is_set():
        await succession.sockets.retire(supervisor.config().server.shutdown_grace)
        await supervisor.retire()
    else:
        await supervisor.stop()


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

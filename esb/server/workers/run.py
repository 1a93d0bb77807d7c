"""A gateway of several processes, served until a signal says stop."""

import asyncio
import signal
from collections.abc import Mapping
from contextlib import AsyncExitStack, suppress
from functools import partial

from esb.config import load
from esb.core.errors import ConfigError
from esb.core.events import Observer
from esb.gateway.app import create_app
from esb.server import serve
from esb.server.admin import create_admin
from esb.server.listener import authority, cannot_listen, listening
from esb.server.systemd import READY, STOPPING, notify
from esb.server.workers.shared_address import shared_address
from esb.server.workers.supervisor import Supervisor
from esb.telemetry import logs


async def supervised(path: str, environ: Mapping[str, str], host: str | None, port: int | None) -> None:
    """The workers of this config until TERM or INT; HUP reloads them. The supervisor itself answers no calls.

    Raises ConfigError before anything is opened, and CannotListen.
    """
    stopped = serve.stop_signal()
    # All is being read: one that comes now must not end us.
    asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, lambda: None)
    create_app(load(path, environ))  # all mistakes, before the sandbox opens a port
    async with AsyncExitStack() as stack:
        sandbox_url = None
        if (sandbox := load(path, environ).sandbox) is not None:
            sandbox_url = await stack.enter_async_context(serve.sandbox(sandbox.port, "sandbox.port"))
        config = load(path, environ, sandbox_url=sandbox_url)
        server = config.server
        host, chosen_by = server.host if host is None else host, "server.port" if port is None else "--port"
        try:
            held, port = shared_address(host, server.port if port is None else port)
        except OSError as error:
            raise cannot_listen(host, server.port if port is None else port, chosen_by, error) from error
        stack.callback(held.close)
        reread = partial(asyncio.to_thread, load, path, environ, sandbox_url=sandbox_url)
        observer = Observer([logs.listener(environ, at_once=False)])
        supervisor = Supervisor(config, host, port, observer, reread)
        if server.admin is not None:
            desk = create_admin(supervisor)
            await stack.enter_async_context(listening(desk, server.admin.host, server.admin.port, "server.admin.port"))
        stack.push_async_callback(supervisor.stop)  # while the admin listener still tells that they drain
        started = asyncio.create_task(supervisor.start())
        stopping = asyncio.create_task(stopped.wait())
        stack.callback(started.cancel)
        stack.callback(stopping.cancel)
        await asyncio.wait({started, stopping}, return_when=asyncio.FIRST_COMPLETED)
        if stopped.is_set():
            return
        await started
        hanging_up = Hup(supervisor)
        asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, hanging_up.ask)
        serve.announce(f"http://{authority(host, port)}")
        notify(environ, READY)
        await stopped.wait()
        notify(environ, STOPPING)
        await hanging_up.close()


class Hup:
    """Reloads when asked by a signal, one reload at a time; what is wrong has been told by an event."""

    def __init__(self, supervisor: Supervisor) -> None:
        self._supervisor = supervisor
        self._asked = asyncio.Event()
        self._task = asyncio.create_task(self._run())

    def ask(self) -> None:
        self._asked.set()

    async def _run(self) -> None:
        while True:
            await self._asked.wait()
            self._asked.clear()
            with suppress(ConfigError):
                await self._supervisor.reload()

    async def close(self) -> None:
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)

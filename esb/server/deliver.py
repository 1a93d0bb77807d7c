"""`esb deliver`: a process that sends what others accept, until a signal says stop."""

import asyncio
from contextlib import AsyncExitStack

from aiohttp import web

from esb.config import Config, ConfigSource, SandboxAddress
from esb.core.errors import ConfigError
from esb.gateway.app import GATEWAY
from esb.gateway.reload import Reloader
from esb.server.deployment import Rereader, instrumented
from esb.server.process_life import ProcessLife
from esb.server.sandbox import running
from esb.server.serve import hangup_signal, settle, stop_signal
from esb.server.systemd import READY, STOPPING, notify
from esb.telemetry import logs
from esb.telemetry.log_writer import LogWriter

NOTHING = "there is nothing to deliver: calls are accepted with `deliveries.run: separate`, or `here`"
UNKNOWN_PORT = "`esb deliver` cannot know a free port that another process has taken: name one"


async def deliver(source: ConfigSource, log: LogWriter) -> None:
    """Deliver until TERM or INT; then end what is under way within `server.shutdown_grace`. HUP reloads.

    ConfigError before anything is opened.
    """
    stop, hangup = stop_signal(), hangup_signal()
    config, sandbox = await asyncio.to_thread(_configured, source)
    listeners = [logs.listener(source.environ, log, at_once=False)]
    reread = Rereader(source, source.path, sandbox)
    async with AsyncExitStack() as stack:
        made = instrumented(config, source.environ, listeners, log, delivers=True)
        app, _ = await stack.enter_async_context(made)
        gateway = app[GATEWAY]
        reloader = Reloader(config, reread, gateway.reload, gateway.observer)
        runner = web.AppRunner(app)  # which listens nowhere
        stack.push_async_callback(runner.cleanup)
        await runner.setup()
        with ProcessLife(gateway.observer, "deliverer", "", lambda: gateway.config):
            async with reloader.following(hangup):
                print("delivering", flush=True)  # noqa: T201 - the contract of the command line
                notify(source.environ, READY)
                settle()
                await stop.wait()
                notify(source.environ, STOPPING)
            await gateway.drain(gateway.config.server.shutdown_grace)


def _configured(source: ConfigSource) -> tuple[Config, SandboxAddress | None]:
    """Return the configuration, and the address of the sandbox, which is another process's. ConfigError."""
    config = source.resolve()
    if config.root is not None and (config.deliveries is None or config.deliveries.run == "off"):
        raise ConfigError([*config.mistakes, config.root.mistake(NOTHING, "deliveries")])
    if config.sandbox is None:
        return config, None
    if not config.sandbox.port and config.root is not None:
        raise ConfigError([config.root.mistake(UNKNOWN_PORT, "sandbox", "port")])
    address = running(config.sandbox)
    return source.resolve(sandbox=address), address

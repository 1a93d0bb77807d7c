"""The parts of a server, each made in one place: configuration and sandbox, gateway, admin listener, public listener.

`deployed` is all of them in one process. Among many processes the supervisor has configuration and admin listener,
and each worker a gateway with its listener.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from aiohttp import web

from esb.config import Config, ConfigSource, Sandbox, SandboxAddress, Server
from esb.core.events import Author, Listener, Observer
from esb.core.process_events import LastGoodNotKept, LastGoodServed
from esb.gateway.app import GATEWAY, Gateway, create_app
from esb.gateway.reload import Reloader
from esb.server import instrumentation
from esb.server.last_good import TROUBLE, Fallback, LastGood
from esb.server.listener import listening
from esb.server.listening_sockets import ListeningSockets
from esb.server.operators import operating
from esb.server.process_status import SingleProcess
from esb.server.sandbox import sandbox
from esb.server.successor import Succession
from esb.telemetry.log_writer import LogWriter
from esb.telemetry.metrics import Tally

ANY_SANDBOX = Sandbox(port=0, smtp_port=0)
"""The sandbox of a configuration without one, where there is one always."""


Adapt = Callable[[Config], Config]
"""Return the configuration that a command serves instead of the one that the files have, such as one with a portal."""


def as_it_is(config: Config) -> Config:
    """Return the configuration unchanged."""
    return config


class Rereader:
    """A reader of the files of a configuration, which are at `path`. `source` is what it has read last."""

    def __init__(
        self, source: ConfigSource, path: Path, sandbox: SandboxAddress | None, adapt: Adapt = as_it_is
    ) -> None:
        self.source = source
        self._path = path
        self._sandbox = sandbox
        self._adapt = adapt

    def __call__(self) -> Config:
        """Read all of them again."""
        self.source = ConfigSource(self._path, self.source.environ)
        return self._adapt(self.source.resolve(sandbox=self._sandbox))


@dataclass(frozen=True, slots=True)
class Configured:
    """A configuration whose sandbox listens at `sandbox`, if it has one. `reread` reads its files again."""

    config: Config
    sandbox: SandboxAddress | None
    reread: Rereader

    @property
    def sandbox_url(self) -> str | None:
        """The address of its sandbox, for links."""
        return None if self.sandbox is None else self.sandbox.url


@dataclass(frozen=True, slots=True)
class Deployment:
    """A gateway that listens at `url`, and what reloads it."""

    gateway: Gateway
    url: str
    reloader: Reloader
    sandbox: SandboxAddress | None
    portal_url: str | None = None
    succession: Succession | None = None


@asynccontextmanager
async def deployed(
    source: ConfigSource,
    host: str | None,
    port: int | None,
    listeners: Sequence[Listener],
    *,
    always_sandbox: bool = False,
    adapt: Adapt = as_it_is,
    log: LogWriter | None = None,
    author: Author | None = None,
    sockets: ListeningSockets | None = None,
    last_good: LastGood | None = None,
    fallback: Fallback | None = None,
) -> AsyncIterator[Deployment]:
    """Serve the gateway in this process, where its configuration says or `host` and `port` do; with its sandbox.

    Of its configuration, and of each that a reload reads, what `adapt` makes counts.

    What `log` drops is counted. An `author` is shown the errors of crashed plugins. With `sockets`, a successor can
    take over. Where some were inherited, the admin listener comes after the public one: no probe hears of a start that
    the predecessor would have answered with success. What answers is kept as `last_good`; with a `fallback` it is that,
    and what reloads read lies elsewhere.

    Raises ConfigError before anything is opened, and CannotListen.
    """
    async with AsyncExitStack() as stack:
        found = await stack.enter_async_context(
            configured(source, always_sandbox=always_sandbox, adapt=adapt, sockets=sockets, fallback=fallback)
        )
        config, trouble = found.config, "" if fallback is None else TROUBLE
        made = instrumented(config, source.environ, listeners, log, author=author, config_trouble=trouble)
        app, tally = await stack.enter_async_context(made)
        gateway = app[GATEWAY]
        keep = keeping(last_good, found.reread, gateway.observer)
        reloader = Reloader(config, found.reread, gateway.reload, gateway.observer, keep)
        succession = None if sockets is None else Succession(sockets, source.environ, gateway.observer)
        url = ""
        processes = SingleProcess(gateway, tally)
        operators = partial(operating, processes, reloader, succession, lambda: url, found.sandbox_url)
        callers = partial(listening, app, *address(config.server, host, port), sockets=sockets)
        if sockets is not None and sockets.inherited:
            url = await stack.enter_async_context(callers())
            portal_url = await stack.enter_async_context(operators())
        else:
            portal_url = await stack.enter_async_context(operators())
            url = await stack.enter_async_context(callers())
        await started(keep, fallback, gateway.observer)
        yield Deployment(gateway, url, reloader, found.sandbox, portal_url, succession)


@asynccontextmanager
async def configured(
    source: ConfigSource,
    *,
    always_sandbox: bool = False,
    adapt: Adapt = as_it_is,
    sockets: ListeningSockets | None = None,
    fallback: Fallback | None = None,
) -> AsyncIterator[Configured]:
    """Yield the configuration, with its sandbox listening; one at free ports if `always_sandbox` and it has none.

    ConfigError with all mistakes before the sandbox opens its port. Without a sandbox nobody has looked for them yet.
    """
    config = adapt(source.resolve(sandbox=ANY_SANDBOX.promised() if always_sandbox else None))
    async with AsyncExitStack() as stack:
        found = None
        if always_sandbox or config.sandbox is not None:
            create_app(config)
            chosen = config.sandbox or ANY_SANDBOX
            found = await stack.enter_async_context(sandbox(chosen, sockets=sockets))
            config = adapt(source.resolve(sandbox=found))
        path = source.path if fallback is None else fallback.path
        yield Configured(config, found, Rereader(source, path, found, adapt))


def keeping(last_good: LastGood | None, reread: Rereader, observer: Observer) -> Callable[[], Awaitable[None]]:
    """Return what keeps the files that were read last as the last good ones. A failure is an event, and no more."""

    async def keep() -> None:
        if last_good is None:
            return
        try:
            await asyncio.to_thread(last_good.keep, reread.source)
        except OSError as error:
            observer.emit(LastGoodNotKept(str(last_good.path), error.strerror or type(error).__name__))

    return keep


async def started(keep: Callable[[], Awaitable[None]], fallback: Fallback | None, observer: Observer) -> None:
    """Keep the configuration that has just begun to answer; or tell that it is the last good one, and why."""
    if fallback is None:
        await keep()
    else:
        observer.emit(LastGoodServed(str(fallback.kept), fallback.mistakes))


@asynccontextmanager
async def instrumented(
    config: Config,
    environ: Mapping[str, str],
    listeners: Sequence[Listener],
    log: LogWriter | None = None,
    generation: int = 1,
    author: Author | None = None,
    config_trouble: str = "",
    *,
    delivers: bool = False,
) -> AsyncIterator[tuple[web.Application, Tally]]:
    """Build the gateway, traced if `environ` asks for it and counted if it has an admin listener; what `log` drops too.

    ConfigError with all mistakes.
    """
    async with instrumentation.traced(environ) as tracer:
        tally = Tally() if log is None else Tally(lines_dropped=lambda: log.dropped)
        if config.server.admin is not None or config.server.portal is not None:
            listeners = [*listeners, tally]
        app = create_app(
            config,
            listeners=listeners,
            tracer=tracer,
            generation=generation,
            author=author,
            config_trouble=config_trouble,
            delivers=delivers,
        )
        yield app, tally


def address(server: Server, host: str | None, port: int | None) -> tuple[str, int, str]:
    """Return host and port of the public listener, and the key or option that chose the port."""
    chosen_by = "server.port" if port is None else "--port"
    return server.host if host is None else host, server.port if port is None else port, chosen_by

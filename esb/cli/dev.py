"""esb dev: a gateway that follows edits of its files. Each change is a reload; one with a mistake changes nothing."""

import asyncio
import sys
from collections.abc import AsyncGenerator
from contextlib import aclosing, suppress
from pathlib import Path

import click

from esb.cli.options import CONFIG_INVALID, host_option, port_option
from esb.cli.packaged import config_or_packaged_option, or_packaged
from esb.cli.pages import inbox_line, portal_line, with_portal
from esb.config import Config, ConfigSource
from esb.config.interpolation import state_of
from esb.core.errors import ConfigError
from esb.core.events import Author, Crashed, Event, Listener, Reloaded, crash
from esb.server import serve
from esb.server.deployment import Deployment, deployed
from esb.server.listener import CannotListen
from esb.telemetry import logs, stdlib_logs, tracebacks
from esb.telemetry.log_writer import LogWriter

try:
    import watchfiles
except ImportError:  # pragma: no cover - an extra; dev() asks
    watchfiles = None  # type: ignore[assignment]

NEEDS_WATCHFILES = "esb dev needs watchfiles, which `pip install 'esb-gateway[watch]'` installs"
KEPT = "nothing has changed: the gateway answers as before the edit"
FOR_PEOPLE = {"ESB_LOG": logs.TEXT}
"""The form of the log, wherever stderr leads."""
WATCHED = "esb dev"
"""The one who asks for a reload after an edit."""
DEBOUNCE = 400
"""Milliseconds at most for which changes are gathered into one reload."""
LOOK = 500
"""Milliseconds between two looks at the files with secrets."""


@click.command(short_help="Serve, and follow every edit.")
@config_or_packaged_option
@host_option
@port_option
def dev(path: str | None, host: str | None, port: int | None) -> None:
    """Serve the gateway and the sandbox, and reload on every change of the configuration or of a plugin.

    Watched are esb.yaml, the files it includes, those that ${file:...} names, and the plugins beside it. An edit with a
    mistake is told on stderr; the gateway goes on as it was. So is the traceback of a plugin that crashes, texts of
    errors and all: for production there is `esb serve`. The sandbox runs even if the configuration has none:
    ${sandbox} is its URL. So does the portal, where the extra of that name is installed.

    When ready, one line on stdout says where: listening on http://HOST:PORT.
    """
    if watchfiles is None:
        raise click.ClickException(NEEDS_WATCHFILES)
    try:
        with (
            or_packaged(path) as config,
            logs.to_stderr(FOR_PEOPLE) as log,
            stdlib_logs.reported(logs.listener(FOR_PEOPLE, log)),
        ):
            serve.run(develop(ConfigSource(config), host, port, log))
    except ConfigError as error:
        if error.bug is not None:
            click.echo(tracebacks.of_plugin(crash("", "starting", error.bug), error.bug), err=True)
        click.echo(str(error), err=True)
        sys.exit(CONFIG_INVALID)
    except CannotListen as error:
        raise click.ClickException(str(error)) from error


async def develop(source: ConfigSource, host: str | None, port: int | None, log: LogWriter) -> None:
    """Serve until TERM or INT; HUP reloads, as each edit does."""
    stop, hangup = serve.stop_signal(), serve.hangup_signal()
    listeners, author = [_with_mistakes(log)], _with_tracebacks(log)
    async with (
        deployed(
            source, host, port, listeners, always_sandbox=True, adapt=with_portal, log=log, author=author
        ) as deployment,
        deployment.reloader.following(hangup),
    ):
        following = asyncio.create_task(follow(deployment))
        stopping = asyncio.create_task(stop.wait())
        await asyncio.sleep(0)  # the first step of a task: from here on no change is missed
        assert deployment.sandbox is not None  # noqa: S101 - there is one always
        sandbox = deployment.sandbox.url
        for line in (f"the WeChat sandbox is at {sandbox}", inbox_line(sandbox), portal_line(deployment.portal_url)):
            log.write(f"{line}\n".encode())
        serve.announce(deployment.url)
        await asyncio.wait([following, stopping], return_when=asyncio.FIRST_COMPLETED)
        await deployment.gateway.drain(deployment.gateway.config.server.shutdown_grace)
        for task in (following, stopping):
            task.cancel()
        await asyncio.gather(following, stopping, return_exceptions=True)
        if not following.cancelled():
            following.result()  # it never ends by itself: this raises what ended it


async def follow(deployment: Deployment) -> None:
    """Reload after each change of a watched file."""
    reloader = deployment.reloader
    while True:
        folders = watched(reloader.last_read)
        async with aclosing(changes(folders)) as bursts:
            async for burst in bursts:
                if not burst and not secrets_changed(reloader.last_read):
                    continue
                with suppress(ConfigError):  # a listener tells
                    await reloader.reload(WATCHED)
                if watched(reloader.last_read) != folders:
                    break


def watched(config: Config) -> set[Path]:
    """Return the folders in which changes count: a new file may match a pattern of `include`, or be a plugin."""
    return {config.folder, *(file.absolute().parent for file in config.files)}


def secrets_changed(config: Config) -> bool:
    """Return True if a file that `${file:…}` names is not what was read. They may stand in any folder, or not yet."""
    return any(state_of(file) != state for file, state in config.secrets.items())


def changes(folders: set[Path]) -> "AsyncGenerator[set[tuple[watchfiles.Change, str]]]":
    """Yield each burst of changes to YAML or Python files; an empty one now and then, when there are none."""
    usual = watchfiles.DefaultFilter()

    def is_source(change: watchfiles.Change, path: str) -> bool:
        return path.endswith((".py", ".yaml", ".yml")) and usual(change, path)

    return watchfiles.awatch(
        *folders,
        watch_filter=is_source,
        debounce=DEBOUNCE,
        rust_timeout=LOOK,
        yield_on_timeout=True,
        ignore_permission_denied=True,
    )


def _with_mistakes(log: LogWriter) -> Listener:
    """Return a listener that logs, and tells mistakes of an edit as `esb check` says them."""
    logged = logs.listener(FOR_PEOPLE, log)

    def listener(event: Event) -> None:
        if isinstance(event, Reloaded) and event.mistakes:
            log.write("".join(f"{line}\n" for line in (*event.mistakes, KEPT)).encode())
        else:
            logged(event)

    return listener


def _with_tracebacks(log: LogWriter) -> Author:
    """Return an author who reads the traceback of each crash in the log."""

    def author(event: Crashed, error: BaseException) -> None:
        log.write(tracebacks.of_plugin(event, error).encode(errors="replace"))

    return author

"""One worker: a gateway in a process of its own, that answers its supervisor's requests and ends when it has gone.

Run by the supervisor as `python -m esb.server.workers.worker VERSION FD SOCKET…`: its own version, and file
descriptors.
"""

import asyncio
import os
import socket
import sys
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass
from typing import Any

from esb._version import __version__
from esb.config import Config
from esb.core.errors import ConfigError
from esb.gateway.app import GATEWAY, Gateway
from esb.gateway.generation import Generation
from esb.server.deployment import instrumented
from esb.server.listener import CannotListen, listening
from esb.server.listening_sockets import PUBLIC, ListeningSockets
from esb.server.process_life import ProcessLife
from esb.server.process_status import SingleProcess
from esb.server.serve import first, hangup_signal, lame_duck, restart_signal, run, settle, stop_signal
from esb.server.workers.ipc import ChannelClosed, IpcChannel
from esb.telemetry import logs
from esb.telemetry.log_writer import LogWriter
from esb.telemetry.metrics import Tally
from esb.telemetry.process_log import process_log, told_not_started

ANOTHER_VERSION = 79
"""Exit status of a worker whose supervisor is another version: what was installed meanwhile never mixes with it."""


@dataclass(frozen=True, slots=True)
class Orders:
    """Orders with which a worker starts: the resolved configuration of its siblings, and the address they share."""

    config: Config
    generation: int
    host: str
    port: int
    config_trouble: str = ""


class Worker:
    """The worker's side of what the supervisor asks for."""

    def __init__(self, gateway: Gateway, tally: Tally) -> None:
        self._gateway = gateway
        self.retired = asyncio.Event()
        """Set when a successor of the whole gateway has taken over."""
        self._process = SingleProcess(gateway, tally)
        self._next: Generation | None = None
        self._unused: set[asyncio.Task[None]] = set()

    async def answer(self, verb: str, argument: Any) -> Any:
        """Return what `build`, `adopt`, `retire` or, for the other verbs, the process itself answers."""
        match verb:
            case "build":
                return await self.build(argument)
            case "adopt":
                return self.adopt(argument)
            case "retire":
                return self.retired.set()
            case "explain":
                return await self._process.explain_as_one_of_many(argument)
            case "recall":
                return await self._process.recall(argument)
            case "details":
                return await self._process.details()
            case _:
                return self._process.status()

    async def build(self, config: Config) -> list[Any]:
        """Build and open the next generation beside the one that answers; return the mistakes in its configuration."""
        self._drop()
        try:
            self._next = await self._gateway.prepare(config)
        except ConfigError as error:
            return list(error.mistakes)
        return []

    def adopt(self, number: int) -> bool:
        """Swap to the generation built last, if it has this number; return True if this one answers from now on."""
        if self._next is not None and self._next.number == number:
            self._gateway.adopt(self._next)
            self._next = None
        return self._gateway.generation.number == number

    def _drop(self) -> None:
        """Close a generation that was built and not adopted, since a sibling could not build it."""
        if self._next is not None:
            closing = asyncio.create_task(self._next.close())
            self._unused.add(closing)
            closing.add_done_callback(self._unused.discard)
            self._next = None


async def work(end: socket.socket, sockets: ListeningSockets, log: LogWriter) -> None:
    """Serve until TERM, INT or the supervisor's end, and drains."""
    stop, alone = stop_signal(), asyncio.Event()
    for each in (hangup_signal, restart_signal):
        each()  # the supervisor's business, though a service manager may tell all processes
    channel = await IpcChannel.over(end)
    try:
        orders: Orders = await channel.receive()
    except ChannelClosed:
        return
    listeners = [logs.listener(os.environ, log, at_once=False)]
    async with AsyncExitStack() as stack:
        app, tally = await stack.enter_async_context(
            instrumented(
                orders.config, os.environ, listeners, log, orders.generation, config_trouble=orders.config_trouble
            )
        )
        gateway = app[GATEWAY]
        url = await stack.enter_async_context(listening(app, orders.host, orders.port, "server.port", sockets=sockets))
        stack.enter_context(ProcessLife(gateway.observer, "worker", url, lambda: gateway.config))
        with suppress(ChannelClosed):  # what answers finds out as well, and stops
            await channel.send("ready")
        settle()
        worker = Worker(gateway, tally)
        answering = asyncio.create_task(_answer(channel, worker, alone))
        await first(stop, worker.retired, alone)
        server = gateway.config.server
        if worker.retired.is_set():
            gateway.succeeded = True
            await sockets.retire(server.shutdown_grace)
        else:
            await lame_duck(gateway, server.lame_duck, alone)
        await gateway.drain(server.shutdown_grace)
        answering.cancel()
        await asyncio.gather(answering, return_exceptions=True)
        channel.close()


async def _answer(channel: IpcChannel, worker: Worker, alone: asyncio.Event) -> None:
    """Answer requests until the supervisor has gone.

    A worker that cannot be asked ends, whatever the reason: it would never be restarted or stopped. A recall waits for
    a platform, and nobody waits for it: who does not tell its status counts as stuck.
    """
    recalls: set[asyncio.Task[None]] = set()

    async def answer(number: int, verb: str, argument: Any) -> None:
        await channel.send((number, await worker.answer(verb, argument)))

    async def recall(number: int, argument: Any) -> None:
        with suppress(ChannelClosed):
            await answer(number, "recall", argument)

    try:
        while True:
            number, verb, argument = await channel.receive()
            if verb == "recall":
                recalls.add(task := asyncio.create_task(recall(number, argument)))
                task.add_done_callback(recalls.discard)
            else:
                await answer(number, verb, argument)
    except ChannelClosed:
        pass
    finally:
        alone.set()
        for task in recalls:
            task.cancel()
        await asyncio.gather(*recalls, return_exceptions=True)


def main() -> None:
    """Run the worker; its exit status and stderr tell why it did not start."""
    if sys.argv[1] != __version__:
        sys.exit(ANOTHER_VERSION)
    try:
        with process_log(os.environ) as log:
            end, *sockets = [socket.socket(fileno=int(number)) for number in sys.argv[2:]]
            run(work(end, ListeningSockets({PUBLIC: sockets}), log))
    except (ConfigError, CannotListen) as error:
        if told_not_started(os.environ, *str(error).splitlines()):
            sys.exit(1)
        sys.exit(str(error))


if __name__ == "__main__":
    main()

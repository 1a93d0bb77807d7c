"""One worker: a gateway in a process of its own, that answers its supervisor's questions and ends when it has gone.

Run by the supervisor as `python -m esb.workers.worker FD`.
"""

import asyncio
import os
import signal
import socket
import sys
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass
from typing import Any

from esb.config import Config
from esb.core.errors import ConfigError
from esb.gateway.app import GATEWAY, Gateway, create_app
from esb.gateway.generation import Generation
from esb.server import instrumentation
from esb.server.listener import CannotListen, listening
from esb.server.process_status import Process, state
from esb.server.serve import run, settle, stop_signal
from esb.server.workers.ipc import Line, LineClosed
from esb.telemetry import logs, stdlib_logs
from esb.telemetry.metrics import Tally


@dataclass(frozen=True, slots=True)
class Orders:
    """What a worker is started with: the resolved configuration of its siblings, and the address they share."""

    config: Config
    generation: int
    host: str
    port: int


class Worker:
    """Answers the supervisor."""

    def __init__(self, gateway: Gateway, tally: Tally) -> None:
        self._gateway = gateway
        self._tally = tally
        self._next: Generation | None = None
        self._unused: set[asyncio.Task[None]] = set()

    async def answer(self, verb: str, argument: Any) -> Any:
        match verb:
            case "build":
                return await self.build(argument)
            case "adopt":
                return self.adopt(argument)
            case _:
                return self.state()

    def state(self) -> Process:
        return state(self._gateway, self._tally)

    async def build(self, config: Config) -> list[Any]:
        """Builds and opens the next generation beside the one that answers; what is wrong with it."""
        self._drop()
        try:
            self._next = await self._gateway.prepare(config)
        except ConfigError as error:
            return list(error.mistakes)
        return []

    def adopt(self, number: int) -> bool:
        """Swaps to the generation that was built last, if it is this one. Whether this one answers from now on."""
        if self._next is not None and self._next.number == number:
            self._gateway.adopt(self._next)
            self._next = None
        return self._gateway.generation.number == number

    def _drop(self) -> None:
        """Closes a generation that was built and not adopted, since a sibling could not build it."""
        if self._next is not None:
            closing = asyncio.create_task(self._next.close())
            self._unused.add(closing)
            closing.add_done_callback(self._unused.discard)
            self._next = None


async def work(end: socket.socket) -> None:
    """Serves until TERM, INT or the supervisor's end, and drains."""
    stopped = stop_signal()
    asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, lambda: None)  # the supervisor's business
    line = await Line.over(end)
    try:
        orders: Orders = await line.receive()
    except LineClosed:
        return
    server = orders.config.server
    async with AsyncExitStack() as stack:
        tracer = await stack.enter_async_context(instrumentation.traced(os.environ))
        tally = Tally()
        log = logs.listener(os.environ, at_once=False)
        app = create_app(orders.config, listeners=[log, tally] if server.admin else [log], tracer=tracer)
        gateway = app[GATEWAY]
        gateway.generation.number = orders.generation
        await stack.enter_async_context(listening(app, orders.host, orders.port, "server.port", shared=True))
        with suppress(LineClosed):  # what answers finds out as well, and stops
            await line.send("ready")
        settle()
        answering = asyncio.create_task(_answer(line, Worker(gateway, tally), stopped))
        await stopped.wait()
        await gateway.drain(gateway.config.server.shutdown_grace)
        answering.cancel()
        await asyncio.gather(answering, return_exceptions=True)
        line.close()


async def _answer(line: Line, worker: Worker, stopped: asyncio.Event) -> None:
    """Answers questions until the supervisor has gone.

    A worker that cannot be asked ends, whatever the reason: it would never be restarted or stopped.
    """
    try:
        while True:
            number, verb, argument = await line.receive()
            await line.send((number, await worker.answer(verb, argument)))
    except LineClosed:
        pass
    finally:
        stopped.set()


def main() -> None:
    try:
        with stdlib_logs.told(logs.listener(os.environ)):
            run(work(socket.socket(fileno=int(sys.argv[1]))))
    except (ConfigError, CannotListen) as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main()

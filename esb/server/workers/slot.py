"""One place among the workers: the process that has it, from its start to its end, and the next one after that."""

import asyncio
import random
import socket
import sys
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace

from esb.core.events import Observer, WorkerEnded, crash
from esb.server.listener import CannotListen
from esb.server.process_status import ProcessStatus
from esb.server.workers.ipc import Line, LineClosed, Questions
from esb.server.workers.worker import Orders
from esb.telemetry import metrics
from esb.telemetry.metrics import Snapshot

ANSWER_SECONDS = 5.0
"""How long a worker may take to say how it is; longer, and it counts as starting."""
STUCK_SECONDS = 60.0
"""A worker that has answered nothing for so long is not waited for any more: it is killed, and another starts."""
START_SECONDS = 60.0
"""How long a worker may take until it listens."""
FIRST_TRIES = 3
"""Before all have listened once: how often a worker may end before the gateway gives up."""
LONGEST_PAUSE = 10.0
STEADY_SECONDS = 30.0
"""A worker that lived so long did not die of its start: the next one starts at once."""
NOT_STARTED = -1
"""In the place of an exit status: the system had no room for another process."""
NOBODY = ProcessStatus("starting", 0, 0, Snapshot())


class WorkersDoNotStart(CannotListen):
    """A worker ended again and again before the gateway was ready."""


class Place:
    """Has a worker in it, and after that one's end another, until the gateway stops.

    `orders` are those that a worker gets which starts now; `all_listen` and `stopping` are the whole gateway's.
    """

    def __init__(
        self, orders: Callable[[], Orders], all_listen: asyncio.Event, stopping: asyncio.Event, observer: Observer
    ) -> None:
        self._orders = orders
        self._all_listen = all_listen
        self._stopping = stopping
        self._observer = observer
        self._questions: Questions | None = None
        self._last: ProcessStatus | None = None
        self._heard: float | None = None
        """When its worker said something last, in the event loop's time. None: it does not listen yet."""
        self._stuck = False
        self.process: asyncio.subprocess.Process | None = None
        self.listens = asyncio.Event()
        self.past = Snapshot()
        """What those had counted that have ended."""

    async def keep(self) -> None:
        """Starts one worker after the other; those that die soon are followed later each time. WorkersDoNotStart."""
        loop, pause, ended = asyncio.get_running_loop(), 0.1, 0
        while not self._stopping.is_set():
            started = loop.time()
            status = await self._run()
            self._remember()
            if self._stopping.is_set():
                break
            lived, ended = loop.time() - started, ended + 1
            self._observer.emit(WorkerEnded(status, lived, self._stuck))
            if ended >= FIRST_TRIES and not self._all_listen.is_set():
                raise WorkersDoNotStart(f"a worker ended {ended} times before all listened, with status {status}")
            pause = 0.1 if lived > STEADY_SECONDS else min(LONGEST_PAUSE, pause * 2)
            await asyncio.sleep(random.uniform(0.5, 1.0) * pause)  # noqa: S311 - jitter, not a secret

    async def ask(self, verb: str, argument: object, seconds: float) -> object:
        """The worker's answer. LineClosed or TimeoutError if none comes."""
        if self._questions is None:
            raise LineClosed
        answer = await self._questions.ask(verb, argument, seconds)
        self._heard = asyncio.get_running_loop().time()
        return answer

    async def status(self) -> ProcessStatus:
        """How its worker is; one that does not say so is starting, and has counted what it had at the last look."""
        try:
            state = await self.ask("status", None, ANSWER_SECONDS)
        except (LineClosed, TimeoutError):
            self._end_stuck()
            return replace(self._last or NOBODY, health="starting", in_flight=0)
        assert isinstance(state, ProcessStatus)  # noqa: S101 - see Worker.answer
        self._last = state
        return state

    def terminate(self) -> None:
        """Lets the worker drain, and end."""
        if self.process is not None:
            with suppress(ProcessLookupError):
                self.process.terminate()

    def _end_stuck(self) -> None:
        """Ends a worker whose event loop stands still, so that no other signal would reach it."""
        silent_since = self._heard
        if silent_since is None or self.process is None:
            return
        if asyncio.get_running_loop().time() - silent_since > STUCK_SECONDS:
            self._stuck = True
            with suppress(ProcessLookupError):
                self.process.kill()

    async def _run(self) -> int:
        """One worker from its start to its end; its exit status."""
        self._heard, self._stuck = None, False
        ours, theirs = socket.socketpair()
        try:
            with theirs:
                self.process = process = await _spawned(theirs)
        except OSError as error:
            ours.close()
            self._observer.emit(crash("", "starting a worker", error))
            return NOT_STARTED
        line = await Line.over(ours)
        try:
            await self._introduce(process, line)
            return await process.wait()
        finally:
            self.listens.clear()
            if self._questions is not None:
                await self._questions.close()
            line.close()
            self._questions = self.process = None

    async def _introduce(self, process: asyncio.subprocess.Process, line: Line) -> None:
        """Gives a new worker its orders, and this place once it listens; ends it if it does not get as far."""
        orders = self._orders()
        try:
            async with asyncio.timeout(START_SECONDS):
                await line.send(orders)
                await line.receive()
        except LineClosed:
            return  # its exit status tells more
        except TimeoutError:
            process.kill()
            return
        if orders.generation != self._orders().generation:  # its siblings have swapped meanwhile
            process.terminate()
            return
        self._questions = Questions(line)
        self._heard = asyncio.get_running_loop().time()
        self.listens.set()

    def _remember(self) -> None:
        """What a worker had counted stays counted."""
        if self._last is not None:
            self.past = metrics.joined([self.past, self._last.counted])
            self._last = None


async def _spawned(line: socket.socket) -> asyncio.subprocess.Process:
    """A worker process with this end of its line. What a terminal sends to its group comes to the supervisor alone."""
    return await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "esb.server.workers.worker",
        str(line.fileno()),
        pass_fds=[line.fileno()],
        stdin=asyncio.subprocess.DEVNULL,
        start_new_session=True,
    )

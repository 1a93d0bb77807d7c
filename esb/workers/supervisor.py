"""Keeps the workers: starts them, starts a dead one again, swaps their generations together, and stops them.

It holds the address they share, the resolved configuration, the sandbox and the admin listener. A worker that is
started again runs what its siblings run, whatever esb.yaml says by then.
"""

import asyncio
import random
import socket
import sys
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from esb import lasting, metrics
from esb.config import Config
from esb.errors import ConfigError, Mistake
from esb.metrics import Snapshot
from esb.observe import Observer, Reloaded, WorkerEnded, crash
from esb.processes import Process
from esb.serving import CannotListen
from esb.workers.line import Line, LineClosed, Questions
from esb.workers.worker import Orders

ANSWER_SECONDS = 5.0
"""How long a worker may take to say how it is; longer, and it counts as starting."""
BUILD_SECONDS = 60.0
START_SECONDS = 60.0
"""How long a worker may take until it listens."""
FIRST_TRIES = 3
"""Before all have listened once: how often a worker may end before the gateway gives up."""
LONGEST_PAUSE = 10.0
STEADY_SECONDS = 30.0
"""A worker that lived so long did not die of its start: the next one starts at once."""
KILL_SECONDS = 5.0
"""What a worker gets beyond server.shutdown_grace."""
LOOK_SECONDS = 1.0
NOT_STARTED = -1
"""In the place of an exit status: the system had no room for another process."""


class WorkersDoNotStart(CannotListen):
    """A worker ended again and again before the gateway was ready."""


@dataclass(eq=False)
class Kept:
    """One place among the workers, and the process that has it now."""

    process: asyncio.subprocess.Process | None = None
    questions: Questions | None = None
    ready: asyncio.Event = field(default_factory=asyncio.Event)
    last: Process | None = None

    async def ask(self, verb: str, argument: object, seconds: float) -> object:
        """The worker's answer. LineClosed or TimeoutError if none comes."""
        if self.questions is None:
            raise LineClosed
        return await self.questions.ask(verb, argument, seconds)


class Supervisor:
    """The workers of one gateway, as its operators see them."""

    def __init__(
        self,
        config: Config,
        host: str,
        port: int,
        observer: Observer,
        reload: Callable[[], Awaitable[Config]],
    ) -> None:
        """`reload` reads the configuration again."""
        self._config = config
        self._number = 1
        self._host = host
        self._port = port
        self._observer = observer
        self._read = reload
        self._places = [Kept() for _ in range(config.server.workers)]
        self._tasks: list[asyncio.Task[None]] = []
        self._past = Snapshot()
        self._started = False
        self._stopping = asyncio.Event()
        self._reloading = asyncio.Lock()

    async def start(self) -> None:
        """Returns when all workers listen. WorkersDoNotStart if one of them does not get as far."""
        keeping = [asyncio.create_task(self._keep(place)) for place in self._places]
        listening = asyncio.create_task(self._listening())
        self._tasks = [*keeping, listening, asyncio.create_task(self._look())]
        await asyncio.wait([listening, *keeping], return_when=asyncio.FIRST_COMPLETED)
        for task in keeping:
            if task.done():
                task.result()
        self._started = True

    async def _listening(self) -> None:
        while not all(place.ready.is_set() for place in self._places):
            for place in self._places:
                await place.ready.wait()

    async def stop(self) -> None:
        """Lets all workers drain, and kills those that do not end."""
        seconds = self._config.server.shutdown_grace
        self._stopping.set()
        alive = [place.process for place in self._places if place.process is not None]
        for process in alive:
            with suppress(ProcessLookupError):
                process.terminate()
        ended = [asyncio.create_task(process.wait()) for process in alive]
        if ended:
            await asyncio.wait(ended, timeout=seconds + KILL_SECONDS)
        for process in alive:
            with suppress(ProcessLookupError):
                process.kill()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, *ended, return_exceptions=True)

    # What operators see

    def config(self) -> Config:
        return self._config

    async def processes(self) -> Sequence[Process]:
        return [place.last or Process("starting", 0, 0, Snapshot()) for place in await self._looked_at()]

    def past(self) -> Sequence[Snapshot]:
        return [self._past]

    async def reload(self) -> None:
        """All workers build the next generation; if all can, all swap. ConfigError: nothing has changed."""
        async with self._reloading:
            config = await self._read()
            mistakes = config.in_order([*config.mistakes, *lasting.changed(self._config, config)])
            if not mistakes:
                mistakes = await self._built(config)
            if mistakes:
                self._observer.emit(Reloaded(self._number, tuple(map(str, mistakes)), 0.0))
                raise ConfigError(mistakes)
            self._config, self._number = config, self._number + 1
            await asyncio.gather(*(self._adopt(place, self._number) for place in self._places))
            self._observer.emit(Reloaded(self._number, (), 0.0))

    async def _adopt(self, place: Kept, number: int) -> None:
        """Swaps one worker's generation; who cannot is ended, and starts again with it."""
        process = place.process
        try:
            adopted = await place.ask("adopt", number, ANSWER_SECONDS)
        except (LineClosed, TimeoutError):
            adopted = False
        if not adopted and process is not None:
            with suppress(ProcessLookupError):
                process.terminate()

    async def _built(self, config: Config) -> list[Mistake]:
        found: dict[Mistake, None] = {}
        for place in self._places:
            with suppress(LineClosed, TimeoutError):
                answer = await place.ask("build", config, BUILD_SECONDS)
                assert isinstance(answer, list)  # noqa: S101 - see Worker._build
                found.update(dict.fromkeys(answer))
        return list(found)

    # The workers

    async def _keep(self, place: Kept) -> None:
        """Keeps a worker in this place until the gateway stops; those that die soon are followed later each time."""
        loop, pause, ended = asyncio.get_running_loop(), 0.1, 0
        while not self._stopping.is_set():
            started = loop.time()
            status = await self._run(place)
            self._remember(place)
            if self._stopping.is_set():
                break
            lived, ended = loop.time() - started, ended + 1
            self._observer.emit(WorkerEnded(status, lived))
            if ended >= FIRST_TRIES and not self._started:
                raise WorkersDoNotStart(f"a worker ended {ended} times before all listened, with status {status}")
            pause = 0.1 if lived > STEADY_SECONDS else min(LONGEST_PAUSE, pause * 2)
            await asyncio.sleep(random.uniform(0.5, 1.0) * pause)  # noqa: S311 - jitter, not a secret

    async def _run(self, place: Kept) -> int:
        """One worker from its start to its end; its exit status."""
        ours, theirs = socket.socketpair()
        try:
            with theirs:
                place.process = process = await _spawned(theirs)
        except OSError as error:
            ours.close()
            self._observer.emit(crash("", "starting a worker", error))
            return NOT_STARTED
        line = await Line.over(ours)
        try:
            await self._introduce(place, process, line)
            return await process.wait()
        finally:
            place.ready.clear()
            if place.questions is not None:
                await place.questions.close()
            line.close()
            place.questions = place.process = None

    async def _introduce(self, place: Kept, process: asyncio.subprocess.Process, line: Line) -> None:
        """Gives a new worker its orders, and its place once it listens; ends it if it does not get as far."""
        number = self._number
        try:
            async with asyncio.timeout(START_SECONDS):
                await line.send(Orders(self._config, number, self._host, self._port))
                await line.receive()
        except LineClosed:
            return  # its exit status tells more
        except TimeoutError:
            process.kill()
            return
        if number != self._number:  # its siblings have swapped meanwhile
            process.terminate()
            return
        place.questions = Questions(line)
        place.ready.set()

    def _remember(self, place: Kept) -> None:
        """What a worker had counted stays counted."""
        if place.last is not None:
            self._past = metrics.joined([self._past, place.last.counted])
            place.last = None

    async def _look(self) -> None:
        """Looks at the workers all the time, so that little is lost of what one had counted when it dies."""
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            await self._looked_at()

    async def _looked_at(self) -> Sequence[Kept]:
        await asyncio.gather(*(self._look_at(place) for place in self._places))
        return self._places

    async def _look_at(self, place: Kept) -> None:
        try:
            state = await place.ask("state", None, ANSWER_SECONDS)
        except (LineClosed, TimeoutError):
            if place.last is not None:
                place.last = Process("starting", 0, place.last.generation, place.last.counted)
            return
        assert isinstance(state, Process)  # noqa: S101 - see Worker._state
        place.last = state


async def _spawned(line: socket.socket) -> asyncio.subprocess.Process:
    """A worker process with this end of its line. What a terminal sends to its group comes to the supervisor alone."""
    return await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "esb.workers.worker",
        str(line.fileno()),
        pass_fds=[line.fileno()],
        stdin=asyncio.subprocess.DEVNULL,
        start_new_session=True,
    )


def shared_address(host: str, port: int) -> tuple[socket.socket, int]:
    """Holds an address that several processes may listen on, and its port. OSError if it is taken.

    The socket never listens, so no connection ever comes to it; it keeps port 0's choice for the workers.
    """
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
    _bound(
        found, socket.SO_REUSEADDR
    ).close()  # who shares is let in where another gateway shares: ask as one who does not
    held = _bound(found, socket.SO_REUSEPORT)
    return held, held.getsockname()[1]


def _bound(found: tuple[Any, ...], option: int) -> socket.socket:
    family, kind, protocol, _, address = found
    bound = socket.socket(family, kind, protocol)
    try:
        bound.setsockopt(socket.SOL_SOCKET, option, 1)
        bound.bind(address)
    except OSError:
        bound.close()
        raise
    return bound

"""One slot among the workers: the process that fills it, from its start to its end, and the next one after that."""

import asyncio
import socket
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from math import inf

from esb._version import __version__
from esb.core.backoff import pauses
from esb.core.events import Observer, WorkerEnded
from esb.server.listener import CannotListen
from esb.server.process_details import ProcessDetails
from esb.server.process_status import ANSWER_SECONDS, Described, ProcessStatus
from esb.server.workers.ipc import ChannelClosed, IpcChannel, RpcClient
from esb.server.workers.worker import ANOTHER_VERSION, Orders
from esb.telemetry import metrics
from esb.telemetry.metrics import Snapshot

STUCK_SECONDS = 10.0
"""Seconds of silence after which a worker is killed, and another starts."""
START_SECONDS = 60.0
"""Seconds for a worker until it listens."""
FIRST_TRIES = 3
"""Ends of one worker, before all have listened once, after which the gateway gives up."""
FIRST_PAUSE, LONGEST_PAUSE = 0.1, 10.0
STEADY_SECONDS = 30.0
"""Seconds of life after which a worker did not die of its start: the next one starts at once."""
NOT_STARTED = -1
"""In the place of an exit status: the system had no room for another process."""
NOBODY = ProcessStatus("starting", 0, 0, Snapshot())


class WorkersDoNotStart(CannotListen):
    """A worker ended again and again before the gateway was ready."""


class WorkerSlot:
    """One worker that is kept running, and after its end another, until the gateway stops.

    `orders` are those that a worker gets which starts now, `sockets` those that it accepts on; `all_listen` and
    `stopping` are the whole gateway's.
    """

    def __init__(
        self,
        orders: Callable[[], Orders],
        sockets: Sequence[socket.socket],
        all_listen: asyncio.Event,
        stopping: asyncio.Event,
        observer: Observer,
        outdated: Callable[[], None],
    ) -> None:
        """`outdated` is called when a worker finds another version installed than that of this process."""
        self._outdated = outdated
        self._orders = orders
        self._sockets = sockets
        self._all_listen = all_listen
        self._stopping = stopping
        self._observer = observer
        self._client: RpcClient | None = None
        self._last: ProcessStatus | None = None
        self._heard: float | None = None
        """Time of the worker's last answer, by the event loop's clock. None: it does not listen yet."""
        self._stuck = False
        self.process: asyncio.subprocess.Process | None = None
        self.listens = asyncio.Event()
        self._past = Snapshot()
        """Counts of the workers that have ended."""

    async def keep(self) -> None:
        """Start one worker after the other; those that die soon are followed later each time. WorkersDoNotStart."""
        loop, ended = asyncio.get_running_loop(), 0
        waits = pauses(FIRST_PAUSE, LONGEST_PAUSE, jitter=True)
        while not self._stopping.is_set():
            started = loop.time()
            status = await self._run()
            self._remember()
            if self._stopping.is_set():
                break
            if status == ANOTHER_VERSION:
                self._outdated()
            lived, ended = loop.time() - started, ended + 1
            self._observer.emit(WorkerEnded(status, lived, self._stuck))
            if ended >= FIRST_TRIES and not self._all_listen.is_set():
                raise WorkersDoNotStart(f"a worker ended {ended} times before all listened, with status {status}")
            if lived > STEADY_SECONDS:
                waits = pauses(FIRST_PAUSE, LONGEST_PAUSE, jitter=True)
            await asyncio.sleep(next(waits))

    async def ask(self, verb: str, argument: object, seconds: float) -> object:
        """Return the worker's answer. ChannelClosed or TimeoutError if none comes."""
        if self._client is None:
            raise ChannelClosed
        answer = await self._client.call(verb, argument, seconds)
        self._heard = asyncio.get_running_loop().time()
        return answer

    async def status(self, within: float = ANSWER_SECONDS) -> ProcessStatus:
        """Return the worker's status in so many seconds: its last one while it is only busy.

        Who does not tell it in time counts as starting, and has the counts of its last status. Those of the workers
        before it are among them: read at another moment, one that ends would be counted twice, or not at all.
        """
        status = await self._status(within)
        return replace(status, counted=metrics.joined([self._past, status.counted]))

    async def described(self, within: float) -> Described:
        """Return the same with what the worker says of its parts, None if it does not in time."""
        status, details = await asyncio.gather(self.status(within), self._details(within))
        return Described(status, details)

    async def _details(self, within: float) -> ProcessDetails | None:
        with suppress(ChannelClosed, TimeoutError):
            details = await self.ask("details", None, within)
            assert isinstance(details, ProcessDetails)  # noqa: S101 - see Worker.answer
            return details
        return None

    async def _status(self, within: float) -> ProcessStatus:
        try:
            status = await self.ask("status", None, within)
        except (ChannelClosed, TimeoutError):
            self._end_stuck()
            if self._last is not None and self._silent_for() < ANSWER_SECONDS:
                return self._last
            return replace(self._last or NOBODY, health="starting", in_flight=0)
        assert isinstance(status, ProcessStatus)  # noqa: S101 - see Worker.answer
        self._last = status
        return status

    def terminate(self) -> None:
        """Let the worker drain, and end."""
        if self.process is not None:
            with suppress(ProcessLookupError):
                self.process.terminate()

    def _end_stuck(self) -> None:
        """End a worker whose event loop stands still, so that no other signal would reach it."""
        if self._heard is None or self.process is None or self._stuck:
            return  # killed once is enough: another kill would look for its end, and take it from who waits for that
        if self._silent_for() > STUCK_SECONDS:
            self._stuck = True
            with suppress(ProcessLookupError):
                self.process.kill()

    def _silent_for(self) -> float:
        """Return the seconds since the worker's last answer; endless for one that has not listened yet."""
        return inf if self._heard is None else asyncio.get_running_loop().time() - self._heard

    async def _run(self) -> int:
        """Run one worker from its start to its end, and return its exit status."""
        self._heard, self._stuck = None, False
        try:
            ours, process = await _spawned(self._sockets)
        except OSError as error:
            self._observer.crashed("", "starting a worker", error)
            return NOT_STARTED
        self.process = process
        channel = await IpcChannel.over(ours)
        try:
            await self._introduce(process, channel)
            return await process.wait()
        finally:
            self.listens.clear()
            if self._client is not None:
                await self._client.close()
            channel.close()
            self._client = self.process = None

    async def _introduce(self, process: asyncio.subprocess.Process, channel: IpcChannel) -> None:
        """Give a new worker its orders, and this slot once it listens; end it if it does not get as far."""
        orders = self._orders()
        try:
            async with asyncio.timeout(START_SECONDS):
                await channel.send(orders)
                await channel.receive()
        except ChannelClosed:
            return  # its exit status tells more
        except TimeoutError:
            process.kill()
            return
        if orders.generation != self._orders().generation:  # its siblings have swapped meanwhile
            process.terminate()
            return
        self._client = RpcClient(channel)
        self._heard = asyncio.get_running_loop().time()
        self.listens.set()

    def _remember(self) -> None:
        """Keep the counts of a worker that has ended."""
        if self._last is not None:
            self._past = replace(metrics.joined([self._past, self._last.counted]), away=0, database_away=0)
            self._last = None


async def _spawned(sockets: Sequence[socket.socket]) -> tuple[socket.socket, asyncio.subprocess.Process]:
    """Start a worker with the sockets that all accept on; return our end of its channel, and its process. OSError.

    Signals of a terminal to its group reach the supervisor alone.
    """
    ours, theirs = socket.socketpair()
    with theirs:
        descriptors = [theirs.fileno(), *(each.fileno() for each in sockets)]
        try:
            process = await asyncio.create_subprocess_exec(
                sys.executable,
                "-m",
                "esb.server.workers.worker",
                __version__,
                *map(str, descriptors),
                pass_fds=descriptors,
                stdin=asyncio.subprocess.DEVNULL,
                start_new_session=True,
            )
        except BaseException:
            ours.close()
            raise
    return ours, process

"""The supervisor: keeps as many workers as the configuration wants, swaps their generations together, stops them.

It holds the address they share, the resolved configuration, the sandbox and the admin listener. A worker that is
started again runs what its siblings run, whatever esb.yaml says by then.
"""

import asyncio
import socket
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Any

from esb.config import Config
from esb.core.errors import ConfigError, Mistake
from esb.core.events import Observer, Reloaded
from esb.gateway import restart_only
from esb.introspect.explain import Asked
from esb.server.process_status import ANSWER_SECONDS, Described, ProcessStatus
from esb.server.recalls import RECALL_SECONDS, Recalled, RecallWanted
from esb.server.workers.ipc import ChannelClosed
from esb.server.workers.slot import WorkerSlot
from esb.server.workers.worker import Orders
from esb.telemetry.metrics import Snapshot, Tally

BUILD_SECONDS = 60.0
KILL_SECONDS = 5.0
"""Seconds for a worker to end beyond server.shutdown_grace."""
LOOK_SECONDS = 1.0


class Supervisor:
    """The workers of one gateway, as its operators see them."""

    def __init__(
        self,
        config: Config,
        host: str,
        port: int,
        sockets: Sequence[socket.socket],
        observer: Observer,
        tally: Tally,
        config_trouble: str = "",
        outdated: Callable[[], None] = lambda: None,
    ) -> None:
        """`sockets` listen already, for whichever worker accepts first: one that hangs has no part in new connections.

        `tally` has counted what the observer of this process emits: reloads, and workers that ended. `outdated` is
        called when a worker finds another version installed than that of this process.
        """
        self._orders = Orders(config, 1, host, port, config_trouble)
        self._observer = observer
        self._tally = tally
        self._started = asyncio.Event()
        self._stopping = asyncio.Event()
        self._slots = [
            WorkerSlot(lambda: self._orders, sockets, self._started, self._stopping, observer, outdated)
            for _ in range(config.server.workers)
        ]
        self._tasks: list[asyncio.Task[None]] = []

    async def start(self) -> None:
        """Return when all workers listen. WorkersDoNotStart if one of them does not get as far."""
        keeping = [asyncio.create_task(slot.keep()) for slot in self._slots]
        listening = asyncio.create_task(self._listening())
        self._tasks = [*keeping, listening, asyncio.create_task(self._look())]
        await asyncio.wait([listening, *keeping], return_when=asyncio.FIRST_COMPLETED)
        for task in keeping:
            if task.done():
                task.result()
        self._started.set()

    async def _listening(self) -> None:
        while not all(slot.listens.is_set() for slot in self._slots):
            for slot in self._slots:
                await slot.listens.wait()

    async def _look(self) -> None:
        """Look at the workers all the time, so that little is lost of what one had counted when it dies."""
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            await self.statuses()

    async def stop(self) -> None:
        """Let all workers drain, and kill those that do not end."""
        self._stopping.set()
        for slot in self._slots:
            slot.terminate()
        await self._ended()

    async def retire(self) -> None:
        """Let all workers answer what has come to them and no more, since a successor has taken over."""
        self._stopping.set()
        await asyncio.gather(*(self._retire(slot) for slot in self._slots))
        await self._ended()

    async def _retire(self, slot: WorkerSlot) -> None:
        try:
            await slot.ask("retire", None, ANSWER_SECONDS)
        except (ChannelClosed, TimeoutError):
            slot.terminate()

    async def _ended(self) -> None:
        alive = [slot.process for slot in self._slots if slot.process is not None]
        server = self.config().server
        ended = [asyncio.create_task(process.wait()) for process in alive]
        if ended:
            await asyncio.wait(ended, timeout=server.lame_duck + server.shutdown_grace + KILL_SECONDS)
        for process in alive:
            with suppress(ProcessLookupError):
                process.kill()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, *ended, return_exceptions=True)

    def config(self) -> Config:
        return self._orders.config

    async def statuses(self, within: float = ANSWER_SECONDS) -> Sequence[ProcessStatus]:
        return await asyncio.gather(*(slot.status(within) for slot in self._slots))

    async def described(self, within: float = ANSWER_SECONDS) -> Sequence[Described]:
        return await asyncio.gather(*(slot.described(within) for slot in self._slots))

    def past(self) -> Sequence[Snapshot]:
        return [self._tally.snapshot()]

    async def explain(self, asked: Asked) -> dict[str, Any] | None:
        for slot in self._slots:
            with suppress(ChannelClosed, TimeoutError):
                answer = await slot.ask("explain", asked, ANSWER_SECONDS)
                assert isinstance(answer, dict)  # noqa: S101 - see Worker.answer
                return answer
        return None

    async def recall(self, wanted: RecallWanted) -> Recalled | None:
        for slot in self._slots:
            with suppress(ChannelClosed):  # who is gone may have taken back some; those another one leaves alone
                try:
                    answer = await slot.ask("recall", wanted, RECALL_SECONDS)
                except TimeoutError:
                    return None
                assert isinstance(answer, Recalled)  # noqa: S101 - see Worker.answer
                return answer
        return None

    async def reload(self, config: Config) -> None:
        """Let all workers build the next generation, and swap if all can. ConfigError: nothing has changed.

        One at a time: see Reloader.
        """
        started, number = time.monotonic(), self._orders.generation
        mistakes = config.in_order([*config.mistakes, *restart_only.changed(self.config(), config)])
        if not mistakes:
            mistakes = await self._built(config)
        if mistakes:
            self._observer.emit(Reloaded(number, tuple(map(str, mistakes)), time.monotonic() - started, config.hash))
            raise ConfigError(mistakes)
        self._orders = replace(self._orders, config=config, generation=number + 1, config_trouble="")
        await asyncio.gather(*(self._adopt(slot, number + 1) for slot in self._slots))
        self._observer.emit(Reloaded(number + 1, (), time.monotonic() - started, config.hash))

    async def _built(self, config: Config) -> list[Mistake]:
        found: dict[Mistake, None] = {}
        for slot in self._slots:
            with suppress(ChannelClosed, TimeoutError):
                answer = await slot.ask("build", config, BUILD_SECONDS)
                assert isinstance(answer, list)  # noqa: S101 - see Worker.build
                found.update(dict.fromkeys(answer))
        return list(found)

    async def _adopt(self, slot: WorkerSlot, number: int) -> None:
        """Swap one worker's generation; who cannot is ended, and starts again with it."""
        process = slot.process
        try:
            adopted = await slot.ask("adopt", number, ANSWER_SECONDS)
        except (ChannelClosed, TimeoutError):
            adopted = False
        if not adopted and process is not None:
            with suppress(ProcessLookupError):
                process.terminate()

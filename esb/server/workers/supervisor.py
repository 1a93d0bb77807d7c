"""The supervisor: keeps as many workers as the configuration wants, swaps their generations together, stops them.

It holds the address they share, the resolved configuration, the sandbox and the admin listener. A worker that is
started again runs what its siblings run, whatever esb.yaml says by then.
"""

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace

from esb.config import Config
from esb.core.errors import ConfigError, Mistake
from esb.core.events import Observer, Reloaded
from esb.gateway import restart_only
from esb.server.process_status import ProcessStatus
from esb.server.workers.ipc import LineClosed
from esb.server.workers.slot import ANSWER_SECONDS, Place
from esb.server.workers.worker import Orders
from esb.telemetry.metrics import Snapshot

BUILD_SECONDS = 60.0
KILL_SECONDS = 5.0
"""Time for a worker to end beyond server.shutdown_grace."""
LOOK_SECONDS = 1.0


class Supervisor:
    """The workers of one gateway, as its operators see them."""

    def __init__(
        self,
        config: Config,
        host: str,
        port: int,
        observer: Observer,
    ) -> None:
        self._orders = Orders(config, 1, host, port)
        self._observer = observer
        self._started = asyncio.Event()
        self._stopping = asyncio.Event()
        self._places = [
            Place(lambda: self._orders, self._started, self._stopping, observer) for _ in range(config.server.workers)
        ]
        self._tasks: list[asyncio.Task[None]] = []

    async def start(self) -> None:
        """Return when all workers listen. WorkersDoNotStart if one of them does not get as far."""
        keeping = [asyncio.create_task(place.keep()) for place in self._places]
        listening = asyncio.create_task(self._listening())
        self._tasks = [*keeping, listening, asyncio.create_task(self._look())]
        await asyncio.wait([listening, *keeping], return_when=asyncio.FIRST_COMPLETED)
        for task in keeping:
            if task.done():
                task.result()
        self._started.set()

    async def _listening(self) -> None:
        while not all(place.listens.is_set() for place in self._places):
            for place in self._places:
                await place.listens.wait()

    async def _look(self) -> None:
        """Look at the workers all the time, so that little is lost of what one had counted when it dies."""
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            await self.statuses()

    async def stop(self) -> None:
        """Let all workers drain, and kill those that do not end."""
        self._stopping.set()
        alive = [place.process for place in self._places if place.process is not None]
        for place in self._places:
            place.terminate()
        ended = [asyncio.create_task(process.wait()) for process in alive]
        if ended:
            await asyncio.wait(ended, timeout=self.config().server.shutdown_grace + KILL_SECONDS)
        for process in alive:
            with suppress(ProcessLookupError):
                process.kill()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, *ended, return_exceptions=True)

    def config(self) -> Config:
        return self._orders.config

    async def statuses(self) -> Sequence[ProcessStatus]:
        return await asyncio.gather(*(place.status() for place in self._places))

    def past(self) -> Sequence[Snapshot]:
        return [place.past for place in self._places]

    async def reload(self, config: Config) -> None:
        """Let all workers build the next generation, and swap if all can. ConfigError: nothing has changed.

        One at a time: see Reloader.
        """
        number = self._orders.generation
        mistakes = config.in_order([*config.mistakes, *restart_only.changed(self.config(), config)])
        if not mistakes:
            mistakes = await self._built(config)
        if mistakes:
            self._observer.emit(Reloaded(number, tuple(map(str, mistakes)), 0.0))
            raise ConfigError(mistakes)
        self._orders = replace(self._orders, config=config, generation=number + 1)
        await asyncio.gather(*(self._adopt(place, number + 1) for place in self._places))
        self._observer.emit(Reloaded(number + 1, (), 0.0))

    async def _built(self, config: Config) -> list[Mistake]:
        found: dict[Mistake, None] = {}
        for place in self._places:
            with suppress(LineClosed, TimeoutError):
                answer = await place.ask("build", config, BUILD_SECONDS)
                assert isinstance(answer, list)  # noqa: S101 - see Worker.build
                found.update(dict.fromkeys(answer))
        return list(found)

    async def _adopt(self, place: Place, number: int) -> None:
        """Swap one worker's generation; who cannot is ended, and starts again with it."""
        process = place.process
        try:
            adopted = await place.ask("adopt", number, ANSWER_SECONDS)
        except (LineClosed, TimeoutError):
            adopted = False
        if not adopted and process is not None:
            with suppress(ProcessLookupError):
                process.terminate()

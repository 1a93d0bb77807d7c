"""The processes of a gateway, each of which may be killed at any moment, and is started again at once."""

import asyncio
import signal
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from pathlib import Path

from tests.support.processes.command_line import environment


class Process:
    """`esb ARGUMENTS`, which is started again when it was killed."""

    def __init__(self, file: Path, *arguments: str) -> None:
        self._command = [sys.executable, "-m", "esb", arguments[0], "-c", str(file), *arguments[1:]]
        self._log = file.with_name(f"{'-'.join(arguments)}.log").open("ab")
        self._running: asyncio.subprocess.Process | None = None

    async def start(self) -> None:
        """Start it, and wait until it is ready."""
        piped = asyncio.subprocess.PIPE
        self._running = await asyncio.create_subprocess_exec(
            *self._command, stdout=piped, stderr=self._log, env=environment(ESB_LOG="json")
        )
        assert self._running.stdout is not None
        line = await self._running.stdout.readline()
        assert line, f"it does not start, see {self._log.name}"

    async def kill(self) -> None:
        """Kill it without a word."""
        if self._running is not None:
            with suppress(ProcessLookupError):  # it has ended by itself
                self._running.kill()
            await self._running.wait()

    async def end(self) -> int:
        """End it in good order; return its exit code."""
        assert self._running is not None
        with suppress(ProcessLookupError):
            self._running.send_signal(signal.SIGTERM)
        return await self._running.wait()

    def close(self) -> None:
        """Close its log."""
        self._log.close()


@asynccontextmanager
async def started(processes: Sequence[Process]) -> AsyncIterator[None]:
    """Run them, and kill what is left of them at the end."""
    try:
        for process in processes:
            await process.start()
        yield
    finally:
        for process in processes:
            await process.kill()
            process.close()

"""The successor of this process: the same command once more, with its listening sockets and whatever is installed now.

It starts beside this process, and takes over once it is ready; if it does not get as far, nothing has changed.
"""

import asyncio
import os
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress

from esb.core.errors import GatewayError
from esb.core.events import Observer
from esb.core.process_events import RestartFinished
from esb.core.whenever import whenever
from esb.server.listening_sockets import HANDED_DOWN, ListeningSockets
from esb.server.systemd import READY, notify

READY_DESCRIPTOR = "ESB_READY"
"""The variable that names the file descriptor over which a successor says that it is ready."""
READY_SECONDS = 60.0
"""Seconds for a successor until it is ready; then it is ended."""
FIRST_PROCESS = 1
IN_A_CONTAINER = "this is the first process of a container, which ends with it: roll the containers instead"
BEING_STOPPED = "this process is being stopped"


class NoSuccessor(GatewayError):
    """No successor took over; the text says why, and this process answers on."""


class Succession:
    """The way from this process to its successor, which is started on request."""

    def __init__(self, sockets: ListeningSockets, environ: Mapping[str, str], observer: Observer) -> None:
        self.sockets = sockets
        self._environ = environ
        self._observer = observer
        self._lock = asyncio.Lock()
        self._starting: asyncio.Task[int] | None = None
        self._stopping = False
        self.taken_over = asyncio.Event()

    async def start(self) -> int:
        """Start a successor and return its process id once it has taken over. NoSuccessor."""
        started = time.monotonic()
        async with self._lock:
            if self.taken_over.is_set():
                raise NoSuccessor("a successor has taken over already")
            try:
                if os.getpid() == FIRST_PROCESS:
                    raise NoSuccessor(IN_A_CONTAINER)
                if self._stopping:
                    raise NoSuccessor(BEING_STOPPED)
                self._starting = asyncio.create_task(self._start())
                try:
                    number = await self._starting
                except asyncio.CancelledError:
                    if self._stopping:
                        raise NoSuccessor(BEING_STOPPED) from None
                    raise
            except NoSuccessor as error:
                self._observer.emit(RestartFinished(0, str(error), time.monotonic() - started))
                raise
            self._observer.emit(RestartFinished(number, "", time.monotonic() - started))
            notify(self._environ, f"MAINPID={number}\n{READY}")
            self.taken_over.set()
            return number

    async def _start(self) -> int:
        try:
            ours, process = _started(self.sockets)
        except OSError as error:
            raise NoSuccessor(f"a successor cannot be started: {error.strerror}") from error
        reader, writer = await asyncio.open_unix_connection(sock=ours)
        try:
            async with asyncio.timeout(READY_SECONDS):
                ready = await reader.read(1)
        except TimeoutError:
            process.kill()
            await asyncio.to_thread(process.wait)
            raise NoSuccessor(f"a successor was not ready after {READY_SECONDS:g} seconds") from None
        except asyncio.CancelledError:  # who stops this process does not mean to start another
            process.terminate()
            raise
        finally:
            writer.close()
        if not ready:
            status = await asyncio.to_thread(process.wait)
            raise NoSuccessor(f"a successor ended with status {status}; it has said why on stderr")
        return process.pid

    def begin(self) -> None:
        """Say to the process that has started this one, if it was a predecessor, that it may go."""
        self.sockets.close_unused()
        number = os.environ.pop(READY_DESCRIPTOR, "")
        if number:
            with socket.socket(fileno=int(number)) as end, suppress(OSError):
                end.send(b"1")

    @asynccontextmanager
    async def following(self, requested: asyncio.Event) -> AsyncIterator[None]:
        """Start a successor whenever this event is set, until the context is left: then none starts any more."""
        try:
            async with whenever(requested, self.start, told=NoSuccessor):
                yield
        finally:
            self._stopping = True
            if self._starting is not None:
                self._starting.cancel()


def has_predecessor(environ: Mapping[str, str]) -> bool:
    """Return True if a process waits for this one to be ready, and answers until then."""
    return READY_DESCRIPTOR in environ


def _started(sockets: ListeningSockets) -> tuple[socket.socket, "subprocess.Popen[bytes]"]:
    """Run this command again; return the end of a line on which it says that it is ready, and its process.

    OSError if the system has no room for another one, or for more open files.
    """
    handed_down, descriptors = sockets.handed_down()
    ours, theirs = socket.socketpair()
    with theirs:
        try:
            # Not asyncio's: its subprocesses die with the event loop that has started them.
            process = subprocess.Popen(  # noqa: S603 - our own command line
                [sys.executable, *sys.orig_argv[1:]],
                env={**os.environ, HANDED_DOWN: handed_down, READY_DESCRIPTOR: str(theirs.fileno())},
                pass_fds=[theirs.fileno(), *descriptors],
                stdin=subprocess.DEVNULL,
            )
        except OSError:
            ours.close()
            raise
    return ours, process

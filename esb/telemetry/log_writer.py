"""The log's way to its reader, who is never waited for: what it does not take at once is queued, within bounds."""

import asyncio
import errno
import os
import select
import socket
import stat
import threading
from collections.abc import Callable
from functools import partial
from typing import TextIO

QUEUE_BYTES = 4 << 20
"""Bytes of lines that wait for the reader of the log. Further lines are dropped."""
FLUSH_SECONDS = 1.0
"""Seconds for which the end of the process waits for the reader of the log."""

WriteSome = Callable[[bytes | bytearray], int]
"""Function that writes what can be written at once, and returns how many bytes that were. BlockingIOError if none."""


class LogWriter:
    """A writer of lines to the descriptor of a stream; any thread may use it.

    It writes at once what the descriptor takes. A thread takes over where that would block, until all is written; so
    neither an event loop nor the end of the process waits for a pipe that nobody reads.
    """

    def __init__(self, stream: TextIO, notice: Callable[[int], bytes]) -> None:
        """Take the function that makes the line which tells of so many dropped ones."""
        self.isatty = stream.isatty
        self.dropped = 0
        """Lines that were dropped, since the queue was full or the descriptor failed."""
        self._descriptor = stream.fileno()
        self._write_some, self._release = _without_blocking(self._descriptor)
        self._notice = notice
        self._told = 0
        self._queue = bytearray()
        self._draining = False
        self._drained = threading.Condition()

    def write(self, lines: bytes | bytearray) -> None:
        """Write whole lines, or queue or drop them."""
        with self._drained:
            if self._draining:
                self._keep(lines)
                return
            untold = self.dropped - self._told
            if untold:
                lines = self._notice(untold) + lines
            try:
                written = self._write_some(lines)
            except BlockingIOError:
                written = 0
            except OSError:  # a full disk, a reader that has gone
                self.dropped += lines.count(b"\n") - bool(untold)
                return
            self._told += untold
            if written < len(lines):
                self._keep(lines[written:])
                self._draining = True
                threading.Thread(target=self._drain, name="log", daemon=True).start()

    def close(self) -> None:
        """Wait until all is written, or FLUSH_SECONDS. Further lines are dropped."""
        with self._drained:
            self._drained.wait_for(lambda: not self._draining, FLUSH_SECONDS)
            self._write_some = _refuse
            self._release()

    def _keep(self, lines: bytes | bytearray) -> None:
        room = QUEUE_BYTES - len(self._queue)
        kept = len(lines) if len(lines) <= room else lines.rfind(b"\n", 0, room) + 1
        self._queue += lines[:kept]
        self.dropped += lines.count(b"\n", kept)

    def _drain(self) -> None:
        """Write the queue, and wait for the reader as long as it takes."""
        flows = True
        while True:
            with self._drained:
                untold = 0
                if self._queue:
                    # Pieces of whole lines that pipes take undivided: other processes may write to the same one.
                    cut = self._queue.rfind(b"\n", 0, select.PIPE_BUF) + 1 or select.PIPE_BUF
                    piece = bytes(self._queue[:cut])
                elif flows and self.dropped > self._told:
                    untold = self.dropped - self._told
                    piece = self._notice(untold)
                else:
                    self._draining = False
                    self._drained.notify_all()
                    return
            written = _write_waiting(self._descriptor, piece)
            with self._drained:
                flows = written is not None
                if untold:
                    self._told += untold if flows else 0
                    continue
                if written is None:
                    self.dropped += piece.count(b"\n")
                del self._queue[: len(piece) if written is None else written]


class Lines:
    """The lines of a log. Those of one turn of the event loop are written with one system call: a busy turn has many.

    Bench: send, cpu.py.
    """

    def __init__(self, output: LogWriter | TextIO, at_once: bool) -> None:
        self._write = output.write if isinstance(output, LogWriter) else partial(_write_to_stream, output)
        self._at_once = at_once
        self.waiting = bytearray()

    def add(self, line: bytes) -> None:
        if self._at_once:
            self._write(line + b"\n")
            return
        if not self.waiting:  # the first of its turn sees to the others
            asyncio.get_running_loop().call_soon(self._write_waiting)
        self.waiting += line  # a copy: each line that orjson makes holds 4 KB, and a busy turn has thousands
        self.waiting += b"\n"

    def _write_waiting(self) -> None:
        lines, self.waiting = self.waiting, bytearray()
        self._write(lines)

    def text(self, line: str) -> None:
        self.add(line.encode(errors="replace"))

    info = warning = error = text  # structlog's names for it


def _write_to_stream(stream: TextIO, lines: bytes | bytearray) -> None:
    stream.write(lines.decode())
    stream.flush()


def _without_blocking(descriptor: int) -> tuple[WriteSome, Callable[[], None]]:
    """Return a function that writes to what is open here and never blocks, and one that releases what it holds.

    O_NONBLOCK on the descriptor itself would hold for all who share it: the shell, the supervisor, other workers. So a
    pipe or a terminal is opened once more, and a socket (journald's) is told with each write.
    """
    kind = os.fstat(descriptor).st_mode
    if stat.S_ISSOCK(kind):
        connection = socket.socket(fileno=os.dup(descriptor))
        return lambda lines: connection.send(lines, socket.MSG_DONTWAIT), connection.close
    if not stat.S_ISFIFO(kind) and not os.isatty(descriptor):  # a file, or /dev/null, whose reader nobody waits for
        return partial(os.write, descriptor), _nothing
    try:
        again = os.open(f"/proc/self/fd/{descriptor}", os.O_WRONLY | os.O_NONBLOCK | os.O_NOCTTY)
    except OSError:  # no /proc, or another user's: the thread writes everything
        return _block, _nothing
    return partial(os.write, again), partial(os.close, again)


def _write_waiting(descriptor: int, piece: bytes) -> int | None:
    """Write some of this as soon as it can be written; return how many bytes, or None if that will never be."""
    try:
        return os.write(descriptor, piece)
    except BlockingIOError:  # others have set O_NONBLOCK
        select.select((), (descriptor,), ())
        return 0
    except OSError:
        return None


def _block(lines: bytes | bytearray) -> int:
    raise BlockingIOError


def _refuse(lines: bytes | bytearray) -> int:
    raise OSError(errno.EBADF, os.strerror(errno.EBADF))


def _nothing() -> None:
    """Release nothing."""

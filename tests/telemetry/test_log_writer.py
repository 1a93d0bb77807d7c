"""The log's way to its reader: nothing waits for it, and what it misses is counted."""

import fcntl
import io
import os
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import pytest

from esb.telemetry import log_writer
from esb.telemetry.log_writer import LogWriter

LINE = b"x" * 99 + b"\n"


def notice(number: int) -> bytes:
    return b"dropped %d\n" % number


def not_twice(path: str, *rest: int) -> int:
    raise PermissionError(path)


@contextmanager
def pipe() -> Iterator[tuple[int, int]]:
    reading, writing = os.pipe()
    fcntl.fcntl(writing, fcntl.F_SETPIPE_SZ, 4096)
    yield reading, writing


@contextmanager
def terminal() -> Iterator[tuple[int, int]]:
    reading, writing = os.openpty()
    yield reading, writing


@contextmanager
def connected() -> Iterator[tuple[int, int]]:
    reading, writing = socket.socketpair()
    writing.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
    yield reading.detach(), writing.detach()


@contextmanager
def foreign_pipe() -> Iterator[tuple[int, int]]:
    """A pipe that cannot be opened once more: it belongs to another user, or there is no /proc."""
    with pytest.MonkeyPatch.context() as patch, pipe() as ends:
        patch.setattr(os, "open", not_twice)
        yield ends


@contextmanager
def impatient_pipe() -> Iterator[tuple[int, int]]:
    """A pipe that another process has made non-blocking."""
    with foreign_pipe() as (reading, writing):
        os.set_blocking(writing, False)
        yield reading, writing


WAYS = pytest.mark.parametrize("way", [pipe, terminal, connected, foreign_pipe, impatient_pipe])
Way = Callable[[], AbstractContextManager[tuple[int, int]]]


class Reader(threading.Thread):
    """A reader of everything that comes; `lines` are whole ones."""

    def __init__(self, descriptor: int) -> None:
        super().__init__(daemon=True)
        self._descriptor = descriptor
        self.text = b""
        self.start()

    def run(self) -> None:
        while True:
            try:
                read = os.read(self._descriptor, 65536)
            except OSError:  # of a terminal whose other end is closed
                return
            if not read:
                return
            self.text += read

    def all(self) -> list[bytes]:
        """The lines, once the other end is closed."""
        self.join(30)
        assert self.text.endswith(b"\n")
        return self.text.replace(b"\r\n", b"\n").splitlines(keepends=True)


def writers() -> list[threading.Thread]:
    """The threads that write what could not be written at once."""
    return [thread for thread in threading.enumerate() if thread.name == "log"]


def opened(descriptor: int) -> tuple[io.TextIOWrapper, LogWriter]:
    stream = os.fdopen(descriptor, "w")
    return stream, LogWriter(stream, notice)


@WAYS
def test_nobody_waits_for_a_reader_that_does_not_read_and_it_is_told_what_it_missed(
    way: Way, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(log_writer, "QUEUE_BYTES", 50_050)
    monkeypatch.setattr(log_writer, "FLUSH_SECONDS", 30.0)
    with way() as (reading, writing):
        stream, writer = opened(writing)
        for _ in range(2000):
            writer.write(LINE)
        assert writer.dropped > 500
        reader = Reader(reading)
        writer.close()
        stream.close()
        lines = reader.all()
        os.close(reading)
    assert lines[-1] == notice(writer.dropped)
    assert lines[:-1] == [LINE] * (2000 - writer.dropped)


@WAYS
def test_what_a_reader_takes_is_written_whole_and_in_order(way: Way) -> None:
    lines = [b"%d %s\n" % (number, b"x" * (number % 200)) for number in range(3000)]
    with way() as (reading, writing):
        stream, writer = opened(writing)
        reader = Reader(reading)
        for line in lines:
            writer.write(line)
        writer.write(b"".join(lines))
        writer.close()
        stream.close()
        assert reader.all() == lines * 2
        os.close(reading)
    assert writer.dropped == 0


@WAYS
def test_the_end_waits_for_a_reader_for_a_while_only(way: Way, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(log_writer, "FLUSH_SECONDS", 0.05)
    with way() as (reading, writing):
        stream, writer = opened(writing)
        for _ in range(2000):
            writer.write(LINE)
        writer.close()
        writer.write(LINE)
        os.close(reading)  # which ends the thread, too; before its descriptor may be another's
        for thread in writers():
            thread.join(30)
        assert not writers()
        stream.close()


@pytest.mark.parametrize("way", [pipe, terminal, connected])
def test_what_fits_is_there_at_once_and_no_thread_is_needed(way: Way) -> None:
    with way() as (reading, writing):
        stream, writer = opened(writing)
        writer.write(LINE)
        assert os.read(reading, 1000).replace(b"\r", b"") == LINE
        assert not writers()
        writer.close()
        stream.close()
        os.close(reading)


@pytest.mark.parametrize("way", [pipe, terminal, connected])
def test_who_else_writes_there_is_not_made_non_blocking(way: Way) -> None:
    with way() as (reading, writing):
        stream, writer = opened(writing)
        for _ in range(2000):
            writer.write(LINE)
        assert os.get_blocking(writing)
        os.close(reading)
        writer.close()
        stream.close()


def test_a_file_gets_every_line_behind_what_is_there(tmp_path: Path) -> None:
    path = tmp_path / "log"
    path.write_bytes(b"before\n")
    with path.open("a") as stream:
        writer = LogWriter(stream, notice)
        writer.write(LINE)
        writer.write(LINE)
        writer.close()
    assert path.read_bytes() == b"before\n" + LINE * 2


def test_lines_for_a_full_disk_are_dropped_and_told_when_there_is_room(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    full = os.open("/dev/full", os.O_WRONLY)
    with (tmp_path / "log").open("w") as stream:
        room = os.dup(stream.fileno())
        os.dup2(full, stream.fileno())
        writer = LogWriter(stream, notice)
        writer.write(LINE * 3)
        writer.write(LINE)
        assert writer.dropped == 4
        os.dup2(room, stream.fileno())
        writer.write(LINE)
        writer.close()
    os.close(room)
    os.close(full)
    assert (tmp_path / "log").read_bytes() == notice(4) + LINE


def test_a_reader_that_has_gone_costs_lines_and_nothing_else() -> None:
    with pipe() as (reading, writing):
        stream, writer = opened(writing)
        os.close(reading)
        for _ in range(100):
            writer.write(LINE)
        writer.close()
        stream.close()
    assert writer.dropped == 100

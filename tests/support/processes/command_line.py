"""The command line as processes of its own.

They are forked from one that has imported the command line already, half a second less for each; unless they are told
to be `fresh`.
"""

import json
import multiprocessing
import os
import signal
import sys
import threading
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from multiprocessing.connection import Connection
from multiprocessing.context import ForkServerContext, ForkServerProcess
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, TextIO

from esb.cli.main import main
from tests.support.repository import ROOT

SEND_WEIXIN = "/api/c/compapi/cmsi/send_weixin/"
NOTICE = {
    "bk_app_code": "esb_demo",
    "bk_app_secret": "demo-secret",
    "bk_username": "admin",
    "receiver": "zhangsan",
    "data": {"heading": "H", "message": "M", "date": "D"},
}
PREPARED = [
    "tests.support.processes.command_line",
    "esb.cli.demo",
    "esb.cli.serve",
    "esb.plugins.cmsi_send_weixin",
    "esb.sandbox",
    "esb.server.workers.run",
]
"""Modules that most commands need, loaded before the fork; one that fails to import is left to the command."""
_DIRECT = urllib.request.build_opener(urllib.request.ProxyHandler({}))


@dataclass
class Finished:
    """A command that has ended."""

    code: int
    stdout: str
    stderr: str


def environment(**more: str) -> dict[str, str]:
    """The environment of the tests without what would steer a command."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(("ESB_", "WX_"))}
    return {**inherited, **more}


def run(*arguments: str | Path, folder: Path = ROOT, **more: str) -> Finished:
    """`esb ARGUMENTS`, to its end; `more` are environment variables."""
    with TemporaryDirectory() as outputs:
        stdout, stderr = Path(outputs) / "stdout", Path(outputs) / "stderr"
        process = _started(arguments, folder, more, stdout, stderr)
        code = _ended(process)
        process.close()
        return Finished(code, stdout.read_text(), stderr.read_text())


class Running:
    """A command that serves. `url` is what its ready line says."""

    def __init__(self, process: ForkServerProcess, stdout: TextIO, log: Path) -> None:
        assert process.pid is not None
        self.pid = process.pid
        self._process = process
        self._stdout = stdout
        self._log = log
        self.ready_line = stdout.readline()
        assert self.ready_line, self.log()
        self.url = self.ready_line.split()[-1]

    @property
    def is_alive(self) -> bool:
        return self._process.is_alive()

    def stop(self, number: int = signal.SIGTERM) -> None:
        os.kill(self.pid, number)

    def wait(self) -> int:
        """Wait until it has ended; return its exit code."""
        return _ended(self._process)

    def finish(self) -> Finished:
        """Wait until it has ended; return its code and output."""
        code = self.wait()
        return Finished(code, self.ready_line + self._stdout.read(), self.log())

    def next_line(self) -> str:
        """Return the next line on stdout; AssertionError with the log if there is none."""
        line = self._stdout.readline()
        assert line, self.log()
        return line

    def log(self) -> str:
        return self._log.read_text() if self._log.exists() else ""


def page(url: str) -> str:
    """Return the text of a page of a server of ours, as somebody without a login gets it."""
    with _DIRECT.open(url, timeout=30) as response:
        text: str = response.read().decode()
        return text


def until(reached: Callable[[], bool]) -> None:
    """Wait for an effect of other processes, of which no event tells; AssertionError after a minute."""
    for _ in range(3000):
        if reached():
            return
        threading.Event().wait(0.02)
    raise AssertionError("it did not come about")


@contextmanager
def running(
    *arguments: str | Path, log: Path, folder: Path = ROOT, fresh: bool = False, **more: str
) -> Iterator[Running]:
    """`esb ARGUMENTS`, ready; killed at the end if it still runs. Its stderr goes to the file `log`.

    `fresh`: by a Python of its own, as from a shell.
    """
    receiving, sending = multiprocessing.Pipe(duplex=False)
    with receiving:
        with sending:
            process = _started(arguments, folder, more, sending, log, fresh)
        try:
            with open(receiving.fileno(), encoding="utf-8", closefd=False) as stdout:
                yield Running(process, stdout, log)
        finally:
            process.kill()
            process.join(60)


def _started(
    arguments: tuple[str | Path, ...],
    folder: Path,
    more: dict[str, str],
    stdout: Path | Connection,
    stderr: Path,
    fresh: bool = False,
) -> ForkServerProcess:
    words = [str(argument) for argument in arguments]
    process = _forking().Process(target=_become, args=(words, folder, environment(**more), stdout, stderr, fresh))
    process.start()
    return process


@cache
def _forking() -> ForkServerContext:
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(PREPARED)
    return context


def _become(
    arguments: list[str], folder: Path, environ: dict[str, str], stdout: Path | Connection, stderr: Path, fresh: bool
) -> None:
    """Turn this process into `python -m esb ARGUMENTS`, as a shell would start it."""
    for number, output in enumerate((stdout, stderr), 1):
        opened = output.fileno() if isinstance(output, Connection) else os.open(output, os.O_WRONLY | os.O_CREAT)
        os.dup2(opened, number)
        os.close(opened)
    os.chdir(folder)
    if fresh:
        os.execve(sys.executable, [sys.executable, "-m", "esb", *arguments], environ)  # noqa: S606 - as a shell does
    os.environ.clear()
    os.environ.update(environ)
    sys.path[:0] = [str(folder), *filter(None, environ.get("PYTHONPATH", "").split(os.pathsep))]
    main(arguments, prog_name="esb")


def _ended(process: ForkServerProcess) -> int:
    process.join(60)
    assert process.exitcode is not None, "it still runs"
    return process.exitcode


@dataclass
class Answered:
    """An HTTP answer, its JSON read."""

    status: int
    body: Any


def exchange(url: str, body: Any = None) -> Answered:
    """GET, or POST of a JSON body; whatever the status. OSError if no answer comes."""
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url, data, {"Content-Type": "application/json"})  # noqa: S310 - our own servers
    try:
        response = _DIRECT.open(request, timeout=60)
    except urllib.error.HTTPError as error:
        response = error
    with response:
        return Answered(response.status, json.loads(response.read()))

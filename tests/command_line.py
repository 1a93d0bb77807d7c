"""The command line as processes of its own, and a WeCom that answers only when a test lets it."""

import json
import multiprocessing
import os
import signal
import subprocess
import sys
import threading
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from multiprocessing.context import ForkServerContext
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from esb.cli import main

ROOT = Path(__file__).parent.parent
SEND_WEIXIN = "/api/c/compapi/cmsi/send_weixin/"
NOTICE = {
    "bk_app_code": "esb_demo",
    "bk_app_secret": "demo-secret",
    "bk_username": "admin",
    "receiver": "zhangsan",
    "data": {"heading": "H", "message": "M", "date": "D"},
}
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
    """`esb ARGUMENTS`, to its end; `more` are environment variables.

    The process is forked from one that has imported the command line already: half a second less for each.
    """
    with TemporaryDirectory() as outputs:
        stdout, stderr = Path(outputs) / "stdout", Path(outputs) / "stderr"
        process = _forking().Process(
            target=_become,
            args=([str(argument) for argument in arguments], folder, environment(**more), stdout, stderr),
        )
        process.start()
        process.join(30)
        assert process.exitcode is not None, "it still runs"
        finished = Finished(process.exitcode, stdout.read_text(), stderr.read_text())
        process.close()
        return finished


@cache
def _forking() -> ForkServerContext:
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(
        ["esb.commands.demo", "esb.commands.serve", "esb.plugins.cmsi_send_weixin", "pytest"]
    )
    return context


def _become(arguments: list[str], folder: Path, environ: dict[str, str], *outputs: Path) -> None:
    """Makes of this process what the shell makes of `python -m esb ARGUMENTS`."""
    for number, path in enumerate(outputs, 1):
        opened = os.open(path, os.O_WRONLY | os.O_CREAT)
        os.dup2(opened, number)
        os.close(opened)
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environ)
    sys.path.insert(0, str(folder))
    main(arguments, prog_name="esb")


class Running:
    """A command that serves. `url` is what its ready line says."""

    def __init__(self, process: "subprocess.Popen[str]", log: Path) -> None:
        self.process = process
        self._log = log
        assert process.stdout is not None
        self.ready_line = process.stdout.readline()
        assert self.ready_line, self.log()
        self.url = self.ready_line.split()[-1]

    def stop(self, number: int = signal.SIGTERM) -> None:
        self.process.send_signal(number)

    def finish(self) -> Finished:
        """Waits until it has ended."""
        assert self.process.stdout is not None
        code = self.process.wait(30)
        return Finished(code, self.ready_line + self.process.stdout.read(), self.log())

    def log(self) -> str:
        return self._log.read_text() if self._log.exists() else ""


def until(reached: Callable[[], bool]) -> None:
    """Waits for what other processes bring about and tell nobody."""
    for _ in range(1000):
        if reached():
            return
        threading.Event().wait(0.02)
    raise AssertionError("it did not come about")


@contextmanager
def running(*arguments: str | Path, log: Path, folder: Path = ROOT, **more: str) -> Iterator[Running]:
    """`esb ARGUMENTS`, ready; killed at the end if it still runs. Its stderr goes to the file `log`."""
    with log.open("w") as stderr:
        process = subprocess.Popen(
            [sys.executable, "-m", "esb", *map(str, arguments)],
            cwd=folder,
            env=environment(**more),
            stdout=subprocess.PIPE,
            stderr=stderr,
            text=True,
        )
    try:
        yield Running(process, log)
    finally:
        process.kill()
        process.wait(10)
        assert process.stdout is not None
        process.stdout.close()


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
        response = _DIRECT.open(request, timeout=20)
    except urllib.error.HTTPError as error:
        response = error
    with response:
        return Answered(response.status, json.loads(response.read()))


class SlowWeCom:
    """A WeCom whose message/send waits: `arrived` is set when a message has come, `release` lets it be answered."""

    def __init__(self) -> None:
        self.arrived = threading.Event()
        self.release = threading.Event()
        wecom = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self._answer({"errcode": 0, "access_token": "token", "expires_in": 7200})

            def do_POST(self) -> None:
                self.rfile.read(int(self.headers["Content-Length"]))
                wecom.arrived.set()
                wecom.release.wait(20)
                self._answer({"errcode": 0, "errmsg": "ok", "msgid": "1"})

            def _answer(self, body: dict[str, Any]) -> None:
                raw = json.dumps(body).encode()
                try:
                    self.send_response(200)
                    self.send_header("Content-Length", str(len(raw)))
                    self.end_headers()
                    self.wfile.write(raw)
                except OSError:
                    pass  # the gateway was cut

            def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class calls it so
                """Says nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()

    def close(self) -> None:
        self.release.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(10)

"""Real Redis servers for tests: started on a free port, killed, paused, filled and restarted."""

import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.support.ports import free_port

KEY = "cmVkaXMtdGVzdHMtbmVlZC1hLWZlcm5ldC1rZXktISE="
"""A Fernet key of nobody's."""
OTHER_KEY = "YW5vdGhlci1mZXJuZXQta2V5LW9mLW5vYm9keS1hdC0="


class RedisServer:
    """One server, without persistence: a restart forgets everything."""

    def __init__(self, *options: str) -> None:
        self.port = free_port()
        self._options = options
        self._process: subprocess.Popen[bytes] | None = None
        self.start()

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}/0"

    def start(self) -> None:
        command = ["redis-server", "--port", str(self.port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"]
        self._process = subprocess.Popen(
            [*command, "--loglevel", "warning", *self._options], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        until = time.monotonic() + 60
        while True:
            try:
                with socket.create_connection(("127.0.0.1", self.port), 1):
                    return
            except OSError:
                assert time.monotonic() < until, "redis-server does not start"
                time.sleep(0.01)

    def stop(self) -> None:
        """Kill it, without a word to its clients."""
        if self._process is not None:
            self._process.kill()
            self._process.wait(60)
            self._process = None

    def pause(self) -> None:
        self._signal(signal.SIGSTOP)

    def resume(self) -> None:
        self._signal(signal.SIGCONT)

    def _signal(self, number: int) -> None:
        assert self._process is not None
        os.kill(self._process.pid, number)

    def do(self, *command: str) -> str:
        """Return its answer, as its own client prints it."""
        asking = ["redis-cli", "-p", str(self.port), *command]
        asked = subprocess.run(asking, capture_output=True, text=True, timeout=60, check=True)
        return asked.stdout.strip()


@contextmanager
def redis_server(*options: str) -> Iterator[RedisServer]:
    """A running server. The test is skipped where none is installed."""
    if shutil.which("redis-server") is None:
        pytest.skip("redis-server is not installed (Debian: apt-get install redis-server)")
    server = RedisServer(*options)
    try:
        yield server
    finally:
        server.stop()

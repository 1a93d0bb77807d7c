"""A Redis server for tests, without persistence: for gateways that share a store."""

import os
import signal
import socket
import subprocess
import time
from collections.abc import Mapping
from typing import Any

KEY = "cmVkaXMtdGVzdHMtbmVlZC1hLWZlcm5ldC1rZXktISE="
"""A Fernet key of nobody's."""
COMMAND = "redis-server"
SECONDS = 60.0
"""Patience with a server that starts on a busy machine, or answers."""


class RedisServer:
    """One server on `port` of loopback. A restart forgets everything."""

    def __init__(self, port: int, *options: str) -> None:
        """Start the server; `options` are those of its command line. TimeoutError if it does not come to listen."""
        self.port = port
        self._options = options
        self._process: subprocess.Popen[bytes] | None = None
        self.start()

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}/0"

    @property
    def stanza(self) -> Mapping[str, Any]:
        """The stanza for it: `await gateway(use, config, services={"store": redis.stanza})`."""
        return {"use": "redis", "config": {"url": self.url, "encryption_keys": [KEY]}}

    def start(self) -> None:
        where = ["--port", str(self.port), "--bind", "127.0.0.1"]
        kept = ["--save", "", "--appendonly", "no", "--loglevel", "warning"]
        self._process = subprocess.Popen(  # noqa: S603 - a fixed command
            [COMMAND, *where, *kept, *self._options], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        until = time.monotonic() + SECONDS
        while True:
            try:
                with socket.create_connection(("127.0.0.1", self.port), 1):
                    return
            except OSError:
                if time.monotonic() > until:
                    self.stop()
                    raise TimeoutError(f"{COMMAND} does not start") from None
                time.sleep(0.01)

    def stop(self) -> None:
        """Kill it, without a word to its clients."""
        if self._process is not None:
            self._process.kill()
            self._process.wait(SECONDS)
            self._process = None

    def pause(self) -> None:
        """Let it answer nobody, until `resume`."""
        self._signal(signal.SIGSTOP)

    def resume(self) -> None:
        self._signal(signal.SIGCONT)

    def empty(self) -> None:
        """Forget everything."""
        with socket.create_connection(("127.0.0.1", self.port), SECONDS) as connection:
            connection.sendall(b"FLUSHALL\r\n")
            connection.recv(16)

    def _signal(self, number: int) -> None:
        if self._process is None:
            raise RuntimeError("the server has been stopped")
        os.kill(self._process.pid, number)


def free_port() -> int:
    """Return a port of loopback where nobody listens."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port: int = probe.getsockname()[1]
        return port

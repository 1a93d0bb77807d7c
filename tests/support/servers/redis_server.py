"""Real Redis servers for tests: started on a free port, killed, paused, filled and restarted."""

import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from unittest.mock import patch

import pytest

from esb.store import redis_connection
from tests.support.ports import free_port

KEY = "cmVkaXMtdGVzdHMtbmVlZC1hLWZlcm5ldC1rZXktISE="
"""A Fernet key of nobody's."""
OTHER_KEY = "YW5vdGhlci1mZXJuZXQta2V5LW9mLW5vYm9keS1hdC0="
OLDER = """
local milliseconds = tonumber(ARGV[2])
local function older(time) return string.format('%.0f', tonumber(time) - milliseconds * 1000) end
for _, key in ipairs(redis.call('KEYS', ARGV[1] .. '*')) do
  local kind, left = redis.call('TYPE', key).ok, redis.call('PTTL', key)
  if kind == 'zset' then
    for _, member in ipairs(redis.call('ZRANGE', key, 0, -1)) do
      redis.call('ZADD', key, older(redis.call('ZSCORE', key, member)), member)
    end
  elseif kind == 'list' then
    for index = 0, redis.call('LLEN', key) - 1 do
      redis.call('LSET', key, index, older(redis.call('LINDEX', key, index)))
    end
  end
  if left >= 0 then redis.call('PEXPIRE', key, left - milliseconds) end
end
"""
"""A script. ARGV: prefix, milliseconds. The times in sorted sets and lists are in microseconds."""


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

    def age(self, prefix: str, seconds: float) -> None:
        """Let all that the gateway keeps under this prefix be older by so many seconds."""
        self.do("EVAL", OLDER, "0", prefix, f"{seconds * 1000:.0f}")

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


@contextmanager
def patience() -> Iterator[None]:
    """Let the stores of this process wait long for an answer: a server on a busy machine is not away."""
    with patch.object(redis_connection, "PATIENCE", 30.0):
        yield

"""Real Redis servers for tests: started on a free port, killed, paused, filled and restarted."""

import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from unittest.mock import patch

import pytest

from esb import testing
from esb.store import redis_connection
from esb.testing.redis_server import COMMAND
from tests.support.ports import free_port

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


class RedisServer(testing.RedisServer):
    """One server, whose memory a test can age, and which it can ask."""

    def __init__(self, *options: str) -> None:
        super().__init__(free_port(), *options)

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
    if shutil.which(COMMAND) is None:
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

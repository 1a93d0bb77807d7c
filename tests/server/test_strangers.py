"""Thousands of silent heads and a hundred unfinished bodies from other addresses: honest callers do not notice."""

import json
import resource
import socket
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.support.processes.command_line import running, until

HEADS, BODIES, CALLS = 2000, 100, 100
MOST_MEBIBYTES, LEFT_MEBIBYTES = 300, 60
ADDRESSES = [f"127.0.0.{number}" for number in range(2, 10)]
PATH = "/api/c/compapi/test/echo/"
HEAD = f"POST {PATH} HTTP/1.1\r\nHost: a\r\n".encode()
BODY = HEAD + b"Content-Length: 10485760\r\n\r\n{" + b" " * 1048576
WHO = {"bk_app_code": "shop", "bk_app_secret": "shop-secret"}
CONFIG = """\
version: 1
services:
  apps: {use: static, config: {apps: [{code: shop, secrets: [shop-secret]}]}}
  login: {use: static, config: {tokens: {}}}
  users: {use: static, config: {users: []}}
middlewares: [{use: app_auth}]
components: [{path: /test/echo/, use: "tests.support.components:Echo"}]
"""


@pytest.fixture
def many_files() -> Iterator[None]:
    """As many files as the system allows, for this process and those that it starts."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < HEADS + 1000:
        pytest.skip("the system allows too few files")
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def mebibytes(pid: int) -> float:
    """Return what this process has in memory."""
    (line,) = [each for each in Path(f"/proc/{pid}/status").read_text().splitlines() if each.startswith("VmRSS")]
    return int(line.split()[1]) / 1024


def stranger(url: str, address: str, raw: bytes) -> socket.socket:
    """Connect from this address, and send as much of this as is taken at once."""
    place = urlsplit(url)
    connection = socket.socket()
    connection.bind((address, 0))
    connection.connect((place.hostname, place.port))
    connection.setblocking(False)
    with suppress(BlockingIOError, ConnectionError):
        connection.send(raw)
    return connection


def is_answered(url: str, number: int) -> bool:
    """Return True if an honest call is answered as it should be: half of them have their credentials in the body."""
    args = {"text": "x" * 30_000}
    headers = {} if number % 2 else {"X-Bkapi-Authorization": json.dumps(WHO)}
    body = json.dumps({**args, **WHO} if number % 2 else args).encode()
    asked = urllib.request.Request(url + PATH, body, headers)  # noqa: S310 - http, of this machine
    with urllib.request.urlopen(asked, timeout=30) as response:  # noqa: S310 - the same
        return json.load(response)["result"] is True


def is_let_in(url: str) -> bool:
    """Return False if the connection of an honest call is closed for want of files."""
    try:
        return is_answered(url, 1)
    except OSError:
        return False


def test_a_process_out_of_files_serves_as_before_once_it_has_some(tmp_path: Path) -> None:
    file = tmp_path / "esb.yaml"
    file.write_text(CONFIG)
    with running("serve", "-c", file, "--port", "0", log=tmp_path / "log") as gateway:
        assert is_answered(gateway.url, 0)
        _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        files = len(list(Path(f"/proc/{gateway.pid}/fd").iterdir()))
        resource.prlimit(gateway.pid, resource.RLIMIT_NOFILE, (files + 10, hard))
        with ExitStack() as stack:
            for number in range(50):
                connection = stranger(gateway.url, ADDRESSES[number % len(ADDRESSES)], b"")
                stack.callback(connection.close)
        until(lambda: is_let_in(gateway.url))  # whoever comes before it has seen all of them leave is closed again
        assert all(is_answered(gateway.url, number) for number in range(5))
        assert "crash" not in gateway.log()


def test_honest_callers_are_answered_and_memory_is_given_back(many_files: None, tmp_path: Path) -> None:
    file = tmp_path / "esb.yaml"
    file.write_text(CONFIG)
    with running("serve", "-c", file, "--port", "0", log=tmp_path / "log", fresh=True) as gateway:
        assert all(is_answered(gateway.url, number) for number in range(20))
        before = mebibytes(gateway.pid)
        with ExitStack() as stack:
            for number in range(HEADS + BODIES):
                raw = BODY if number % (HEADS // BODIES) == 0 else HEAD
                connection = stranger(gateway.url, ADDRESSES[number % len(ADDRESSES)], raw)
                stack.callback(connection.close)
            assert sum(is_answered(gateway.url, number) for number in range(CALLS)) == CALLS
            until(lambda: '"reason":"heads"' in gateway.log())
            assert mebibytes(gateway.pid) - before < MOST_MEBIBYTES
        until(lambda: mebibytes(gateway.pid) - before < LEFT_MEBIBYTES)
        assert is_answered(gateway.url, 0)
        assert "crash" not in gateway.log()

"""Strangers against honest callers: thousands of silent heads and a hundred unfinished bodies, from other addresses.

Honest calls come from 127.0.0.1, half of them with credentials in a JSON body; the strangers from 127.0.0.2 to .9. Told
are the answers and the slowest of a hundred, before, while they come and while they stay, and the gateway's memory.
"""

import argparse
import asyncio
import json
import resource
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path

import aiohttp
from aiohttp import web
from processes import memory
from report import table

CONFIG = """\
version: 1
server: {{port: 0}}
services:
  apps:
    use: static
    config:
      apps:
        - {{code: one, secrets: [secret-one], impersonate: ["*"]}}
        - {{code: two, secrets: [secret-two], impersonate: ["*"]}}
        - {{code: three, secrets: [secret-three], impersonate: ["*"]}}
  login: {{use: static, config: {{tokens: {{}}}}}}
  users: {{use: static, config: {{users: []}}}}
components:
  - {{path: /test/echo/, methods: [POST], use: http, config: {{hosts: ["{upstream}"], path: /, method: POST}}}}
"""
PATH = "/api/c/compapi/test/echo/"
HEADS, BODIES, CALLS, AT_ONCE = 5001, 100, 300, 10
SMALL, LARGE = 32 * 1024, 10 * 1024 * 1024
ADDRESSES = [f"127.0.0.{number}" for number in range(2, 10)]
SECONDS = 30.0
"""Seconds for which the strangers stay: as long as a call may take."""


async def echo(request: web.Request) -> web.Response:
    await request.read()
    return web.json_response({"result": True, "data": "echo"})


async def open_one(port: int, address: str, raw: bytes) -> socket.socket | None:
    """Return a connection over which this was sent, as far as it was taken."""
    loop = asyncio.get_running_loop()
    connection = socket.socket()
    connection.setblocking(False)
    connection.bind((address, 0))
    try:
        await loop.sock_connect(connection, ("127.0.0.1", port))
        with suppress(TimeoutError):
            await asyncio.wait_for(loop.sock_sendall(connection, raw), 2)
    except OSError:
        connection.close()
        return None
    return connection


async def attack(port: int, seconds: float) -> None:
    """Open all, say so on stdout, and stay."""
    head = b"POST " + PATH.encode() + b" HTTP/1.1\r\nHost: a\r\n"
    body = head + b"Content-Length: %d\r\n\r\n{" % LARGE + b" " * (LARGE - 100)
    wanted = [head] * HEADS + [body] * BODIES
    wanted = [raw for pair in zip(wanted, wanted[::-1], strict=True) for raw in pair][: len(wanted)]
    connections: list[socket.socket | None] = []
    for start in range(0, len(wanted), 200):
        batch = enumerate(wanted[start : start + 200], start)
        connections += await asyncio.gather(*(open_one(port, ADDRESSES[n % len(ADDRESSES)], raw) for n, raw in batch))
    print(sum(each is not None for each in connections), flush=True)
    await asyncio.sleep(seconds)


class Honest:
    """Honest calls, and how they went."""

    def __init__(self, url: str, http: aiohttp.ClientSession) -> None:
        self._url = url + PATH
        self._http = http

    async def call(self, number: int) -> float:
        """Return the seconds of one call; inf if it was not answered."""
        code = ("one", "two", "three")[number % 3]
        who = {"bk_app_code": code, "bk_app_secret": f"secret-{code}", "bk_username": "admin"}
        args = {"text": "x" * SMALL}
        headers = {} if number % 2 else {"X-Bkapi-Authorization": json.dumps(who)}
        started = time.perf_counter()
        try:
            body = json.dumps({**args, **who} if number % 2 else args).encode()
            async with self._http.post(self._url, data=body, headers=headers) as response:
                answered = (await response.json())["result"] is True
        except (aiohttp.ClientError, TimeoutError):
            answered = False
        return time.perf_counter() - started if answered else float("inf")

    async def calls(self) -> list[float]:
        numbers = iter(range(CALLS))
        seconds: list[float] = []

        async def some() -> None:
            for number in numbers:
                seconds.append(await self.call(number))

        await asyncio.gather(*(some() for _ in range(AT_ONCE)))
        return sorted(seconds)


async def measured(
    name: str, pid: int, before: int, calls: Callable[[], Awaitable[list[float]]]
) -> tuple[str, str, str, str]:
    seconds = await calls()
    answered = sum(each < float("inf") for each in seconds)
    p99 = seconds[CALLS * 99 // 100 - 1] * 1000
    return name, f"{answered} of {CALLS}", f"{p99:.1f}", f"{(memory(pid) - before) / 1024:+.0f}"


async def main() -> None:
    parser = argparse.ArgumentParser(description="strangers against honest callers")
    parser.add_argument("--attack", type=int, help="attack this port: what the script starts for itself")
    asked = parser.parse_args()
    if asked.attack is not None:
        await attack(asked.attack, SECONDS)
        return
    runner = web.AppRunner(web.Application(client_max_size=2**30))
    runner.app.router.add_post("/", echo)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    upstream = f"http://127.0.0.1:{runner.addresses[0][1]}"
    with tempfile.TemporaryDirectory(prefix="esb-bench-") as name:
        file = Path(name) / "esb.yaml"
        file.write_text(CONFIG.format(upstream=upstream))
        with (Path(name) / "log").open("wb") as log:
            gateway = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "esb", "serve", "-c", str(file)), stdout=subprocess.PIPE, stderr=log
            )
        assert gateway.stdout is not None
        try:
            url = (await gateway.stdout.readline()).decode().split()[-1]
            async with aiohttp.ClientSession() as http:
                await rows(url, gateway.pid, Honest(url, http))
        finally:
            gateway.terminate()
            await gateway.wait()
    await runner.cleanup()


async def rows(url: str, pid: int, honest: Honest) -> None:
    await honest.calls()
    before = memory(pid)
    told = [await measured("before", pid, before, honest.calls)]
    strangers = await asyncio.create_subprocess_exec(
        *(sys.executable, __file__, "--attack", url.rpartition(":")[2]), stdout=subprocess.PIPE
    )
    assert strangers.stdout is not None
    told.append(await measured("while they come", pid, before, honest.calls))
    opened = (await strangers.stdout.readline()).decode().strip()
    told.append(await measured(f"while they stay ({opened} connected)", pid, before, honest.calls))
    most = memory(pid, "VmHWM")
    await strangers.wait()
    await asyncio.sleep(1)
    told.append(await measured("when they have gone", pid, before, honest.calls))
    print(table(("", "answered", "p99 ms", "memory MiB"), told))
    print(f"most memory: {(most - before) / 1024:+.0f} MiB")


if __name__ == "__main__":
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))  # what is started inherits it
    asyncio.run(main())

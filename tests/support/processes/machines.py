"""Two machines: each a supervisor with two workers; both share one Redis and one WeChat sandbox."""

import asyncio
import json
import os
import threading
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import Any

from aiohttp import ClientSession

from esb.testing.redis_server import KEY
from tests.support.configuration import DEMO, MESSAGE, OPENID
from tests.support.gateway import Sandbox
from tests.support.ports import free_port
from tests.support.processes.command_line import NOTICE, SEND_WEIXIN, Running, running
from tests.support.servers.redis_server import RedisServer, redis_server

MACHINES = 2
WORKERS = 2
PROCESSES = MACHINES * WORKERS
CONFIG = """\
version: 1
server: {port: 0, workers: 2, admin: {port: "${ADMIN}"}}
services:
  apps:
    use: static
    config:
      apps:
        - {code: esb_demo, secrets: [demo-secret], impersonate: ["*"]}
        - {code: often, secrets: [often-secret], impersonate: ["*"]}
  store:
    use: redis
    config: {url: "${REDIS}", encryption_keys: ["${KEY}"]}
middlewares:
  - use: app_auth
  - use: user_auth
  - use: permission
  - use: rate_limit
    config: {apps: {often: [{tokens: 100, minutes: 1}, {tokens: 1000, minutes: 1440}]}}
components:
  - path: /cmsi/send_weixin/
    use: cmsi_send_weixin
    config: &wecom {wx_type: qy, wx_qy_corpid: ww0000000000000001, wx_qy_corpsecret: corp-secret,
      wx_qy_agentid: 1000002, wx_qy_host: "${SANDBOX}", wx_qy_member_per_minute: 0}
  - path: /quota/send_weixin/
    use: cmsi_send_weixin
    config: {<<: *wecom, wx_qy_corpsecret: quota-secret, wx_qy_agentid: 1000003}
  - path: /paced/send_weixin/
    use: cmsi_send_weixin
    timeout: 30
    config: {<<: *wecom, wx_qy_corpsecret: paced-secret, wx_qy_agentid: 1000004, wx_qy_member_per_minute: 10}
  - path: /wrong/send_weixin/
    use: cmsi_send_weixin
    config: {<<: *wecom, wx_qy_corpsecret: wrong-secret, wx_qy_agentid: 1000005}
  - path: /plain/send_weixin/
    use: cmsi_send_weixin
    config: {wx_type: mp, wx_app_id: wx0000000000000001, wx_secret: mp-secret, wx_token_api: plain,
      wx_mp_host: "${SANDBOX}", wx_template_id: TTTTTTTTTTTTTTTTTTTTTTTTTTTTTTTTTTTTTTTTTTT}
  - {path: /cmsi/get_msg_type/, use: cmsi_get_msg_type}
"""
SEED = {
    "mp": [
        {
            "appid": "wx0000000000000001",
            "secret": "mp-secret",
            "openids": [OPENID],
            "templates": {"T" * 43: {}},
        }
    ],
    "qy": [
        {
            "corpid": "ww0000000000000001",
            "members": ["zhangsan", "lisi", "wangwu"],
            "apps": [
                {"agentid": 1000002, "secret": "corp-secret"},
                {"agentid": 1000003, "secret": "quota-secret"},
                {"agentid": 1000004, "secret": "paced-secret"},
            ],
        }
    ],
    # A fetch kills the token before at once: whoever fetches for himself is seen.
    "knobs": {"mp.overlap_s": 0, "mp.keep_previous": 0},
}


@dataclass(frozen=True)
class Machine:
    """A supervisor and the URL of its admin listener."""

    serving: Running
    admin: str

    @property
    def url(self) -> str:
        return self.serving.url

    def workers(self) -> list[int]:
        return children(self.serving.pid)


class Caller:
    """A caller that sends over one connection, again and again; when it breaks, over another."""

    def __init__(self, machine: Machine) -> None:
        self._connection = HTTPConnection(machine.url.removeprefix("http://"), timeout=60)
        self._connection.connect()
        self.first_port: int = self._connection.sock.getsockname()[1]
        self.codes: Counter[int] = Counter()
        self.broken = 0

    def run(self, stopping: threading.Event) -> None:
        body, headers = json.dumps(NOTICE), {"Content-Type": "application/json"}
        while not stopping.is_set():
            try:
                self._connection.request("POST", SEND_WEIXIN, body, headers)
                self.codes[json.loads(self._connection.getresponse().read())["code"]] += 1
            except (OSError, HTTPException):
                self.broken += 1
                self._connection.close()
        self._connection.close()


def connected_to(pid: int) -> set[int]:
    """Return the ports of all clients that have a connection to this process."""
    links = []
    for link in Path(f"/proc/{pid}/fd").iterdir():
        with suppress(FileNotFoundError):  # closed meanwhile
            links.append(os.readlink(link))
    mine = {link.removeprefix("socket:[").rstrip("]") for link in links if link.startswith("socket:")}
    rows = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    return {int(row[2].partition(":")[2], 16) for row in rows if row[9] in mine}


def children(pid: int) -> list[int]:
    """Return the process ids of the workers of this supervisor."""
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


@dataclass
class Processes:
    """The processes of all machines, their Redis and their sandbox, and an HTTP client for them."""

    machines: list[Machine]
    redis: RedisServer
    sandbox_url: str
    http: ClientSession

    @property
    def sandbox(self) -> Sandbox:
        return Sandbox(self.sandbox_url, self.http)

    async def call(
        self, number: int, path: str, body: Mapping[str, Any], headers: Mapping[str, str] | None = None
    ) -> dict[str, Any]:
        """Return the envelope that a worker of this machine answers."""
        url = f"{self.machines[number % MACHINES].url}/api/c/compapi{path}"
        async with self.http.post(url, json={**DEMO, **body}, headers=headers) as response:
            envelope: dict[str, Any] = await response.json()
        return envelope

    async def send(self, number: int, system: str = "cmsi", **options: Any) -> dict[str, Any]:
        """Return the envelope of a message, sent by a worker of this machine."""
        receiver = OPENID if system == "plain" else "zhangsan"
        return await self.call(number, f"/{system}/send_weixin/", {"receiver": receiver, "data": MESSAGE}, **options)

    async def send_at_once(self, times: int, system: str = "cmsi") -> list[dict[str, Any]]:
        """Send so many messages for every process, all at the same time; connections lead to any of a machine's."""
        sending = [self.send(number, system) for number in range(PROCESSES) for _ in range(times)]
        return await asyncio.gather(*sending)

    async def warm(self, *systems: str) -> None:
        """Let every worker fetch a token: of so many new connections some lead to each."""
        for system in systems:
            await self.send_at_once(10, system)

    async def issued(self, app: str) -> int:
        """Return the number of tokens that WeChat issued for this app."""
        stats = await self.sandbox.get("stats")
        return int(stats["tokens_issued"].get(app, 0))

    async def health(self, number: int = 0) -> tuple[int, str]:
        async with self.http.get(f"{self.machines[number].url}/api/c/healthz/") as response:
            return response.status, (await response.json())["message"]

    async def healthy(self) -> None:
        """Wait until every process has its store."""
        await self.until(self._healthy, "the store is not found again")

    async def _healthy(self) -> bool:
        pages = [await self.page(machine, "/metrics") for machine in self.machines]
        return all("\nesb_store_away 0.0\n" in page and "\nesb_ready 1.0\n" in page for page in pages)

    async def until(self, condition: Callable[[], Awaitable[bool]], otherwise: str) -> None:
        """Wait for an effect of the processes, of which no event tells; after a minute fail with `otherwise`."""
        end = time.monotonic() + 60
        while not await condition():
            assert time.monotonic() < end, otherwise
            await asyncio.sleep(0.05)

    async def page(self, machine: Machine, path: str) -> str:
        """Return a page of the admin listener."""
        async with self.http.get(machine.admin + path) as response:
            return await response.text()


@contextmanager
def running_machines(folder: Path) -> Iterator[tuple[list[Machine], RedisServer, str]]:
    """Start the machines; yield them, their store and the URL of the sandbox."""
    with ExitStack() as stack:
        redis = stack.enter_context(redis_server())
        sandbox = stack.enter_context(running("sandbox", "--port", "0", log=folder / "sandbox.log"))
        path = folder / "esb.yaml"
        path.write_text(CONFIG)
        ports = [free_port() for _ in range(MACHINES)]
        common: dict[str, Any] = {"REDIS": redis.url, "KEY": KEY, "SANDBOX": sandbox.url, "ESB_LOG": "json"}
        waiting = [
            running("serve", "-c", path, log=folder / f"{port}.log", ADMIN=str(port), **common) for port in ports
        ]
        with ThreadPoolExecutor(MACHINES) as pool:
            serving = list(pool.map(stack.enter_context, waiting))
        machines = [Machine(each, f"http://127.0.0.1:{port}") for each, port in zip(serving, ports, strict=True)]
        yield machines, redis, sandbox.url

"""Four gateways, each a process of its own, with one Redis and one WeChat sandbox."""

import asyncio
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from aiohttp import ClientSession

from tests.command_line import Running, running
from tests.conftest import DEMO, MESSAGE, OPENID, Sandbox
from tests.redis_server import KEY, RedisServer, redis_server

PROCESSES = 4
CONFIG = """\
version: 1
server: {port: 0}
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
    timeout: 5
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


@dataclass
class Fleet:
    """What runs, and an HTTP client for it."""

    gateways: list[Running]
    redis: RedisServer
    sandbox_url: str
    http: ClientSession

    @property
    def sandbox(self) -> Sandbox:
        return Sandbox(self.sandbox_url, self.http)

    async def call(
        self, number: int, path: str, body: Mapping[str, Any], headers: Mapping[str, str] | None = None
    ) -> dict[str, Any]:
        """The envelope that this process answers."""
        url = f"{self.gateways[number % PROCESSES].url}/api/c/compapi{path}"
        async with self.http.post(url, json={**DEMO, **body}, headers=headers) as response:
            envelope: dict[str, Any] = await response.json()
        return envelope

    async def send(self, number: int, system: str = "cmsi", **options: Any) -> dict[str, Any]:
        """The envelope of a message, sent by this process."""
        receiver = OPENID if system == "plain" else "zhangsan"
        return await self.call(number, f"/{system}/send_weixin/", {"receiver": receiver, "data": MESSAGE}, **options)

    async def send_at_once(self, times: int, system: str = "cmsi") -> list[dict[str, Any]]:
        """So many messages by every process, all at the same time."""
        sending = [self.send(number, system) for number in range(PROCESSES) for _ in range(times)]
        return await asyncio.gather(*sending)

    async def issued(self, app: str) -> int:
        """How many tokens WeChat gave out for this app."""
        stats = await self.sandbox.get("stats")
        return int(stats["tokens_issued"].get(app, 0))

    async def health(self, number: int = 0) -> tuple[int, str]:
        async with self.http.get(f"{self.gateways[number].url}/api/c/healthz/") as response:
            return response.status, (await response.json())["message"]

    async def healthy(self) -> None:
        """Waits until no process misses its store."""
        until = time.monotonic() + 10
        while {await self.health(number) for number in range(PROCESSES)} != {(200, "OK")}:
            assert time.monotonic() < until, "the store is not found again"
            await asyncio.sleep(0.05)


@contextmanager
def processes(folder: Path) -> Iterator[tuple[list[Running], RedisServer, str]]:
    """The gateways, their store and the URL of the sandbox."""
    with ExitStack() as stack:
        redis = stack.enter_context(redis_server())
        sandbox = stack.enter_context(running("sandbox", "--port", "0", log=folder / "sandbox.log"))
        path = folder / "esb.yaml"
        path.write_text(CONFIG)
        waiting = [
            running(
                "serve",
                "-c",
                path,
                log=folder / f"{number}.log",
                REDIS=redis.url,
                KEY=KEY,
                SANDBOX=sandbox.url,
            )
            for number in range(PROCESSES)
        ]
        with ThreadPoolExecutor(PROCESSES) as pool:
            gateways = list(pool.map(stack.enter_context, waiting))
        yield gateways, redis, sandbox.url

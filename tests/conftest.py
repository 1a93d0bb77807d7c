"""A real gateway and a real WeChat sandbox for every test that wants them, over HTTP on loopback."""

import asyncio
import gc
import json
import os
import textwrap
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from aiohttp import ClientResponse, ClientSession, TCPConnector, web

from esb.config import load
from esb.core.clock import SystemClock
from esb.core.events import Event
from esb.gateway.app import create_app
from esb.sandbox import create_sandbox
from esb.server.serve import BACKLOG, listening
from tests.support.servers.redis_server import RedisServer, redis_server
from tests.support.servers.slow_wecom import SlowWeCom

IN_MEMORY = "/dev/shm"  # noqa: S108 - pytest makes folders of its own there, for this user alone
WAITING = {
    "test_bench.py",
    "test_dev.py",
    "test_processes.py",
    "test_soak.py",
    "test_store.py",
    "test_stuck_workers.py",
    "test_workers.py",
}
SEND_WEIXIN = "cmsi/send_weixin"
DEMO = {"bk_app_code": "esb_demo", "bk_app_secret": "demo-secret", "bk_username": "admin"}
MESSAGE = {"heading": "H", "message": "M", "date": "D"}

SERVICES = """\
version: 1
services:
  apps:
    use: static
    config:
      apps:
        - {code: esb_demo, secrets: [demo-secret, next-secret], impersonate: ["*"]}
        - {code: no_users, secrets: [no-users-secret]}
        - {code: no_rights, secrets: [no-rights-secret], impersonate: ["*"], components: [other.*]}
  login: {use: static, config: {tokens: {demo-token: admin}}}
  users:
    use: static
    config:
      users:
        - {username: admin, wx_userid: zhangsan, email: admin@example.com, telephone: "13800000000"}
        - {username: lisi, wx_userid: lisi}
        - {username: without, wx_userid: ""}
        - {username: left, wx_userid: wangwu, active: false}
"""

WECOM = """\
  - path: /cmsi/send_weixin/
    aliases: [/v2/cmsi/send_weixin/]
    methods: [POST]
    use: cmsi_send_weixin
    config: {wx_type: qy, wx_qy_corpid: ww0000000000000001, wx_qy_corpsecret: corp-secret, wx_qy_agentid: 1000002,
             wx_qy_host: "${sandbox}", wx_qy_member_per_minute: 0}
"""

OFFICIAL_ACCOUNT = """\
  - path: /cmsi/send_weixin/
    methods: [POST]
    use: cmsi_send_weixin
    config: {wx_type: mp, wx_app_id: wx0000000000000001, wx_secret: mp-secret, wx_mp_host: "${sandbox}",
             wx_template_id: TTTTTTTTTTTTTTTTTTTTTTTTTTTTTTTTTTTTTTTTTTT}
"""
OPENID = "o" + 27 * "A"


class Clock:
    """A clock that a test moves."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now

    def since_1970(self) -> float:
        return 1_800_000_000 + self.now

    async def sleep(self, seconds: float) -> None:
        self.now += seconds

    def advance(self, seconds: float) -> None:
        self.now += seconds


class ImpatientClock(SystemClock):
    """The machine's clock, by which nobody waits."""

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(0)


@dataclass
class Sandbox:
    """A WeChat sandbox, and its control API."""

    url: str
    http: ClientSession

    async def get(self, path: str) -> Any:
        async with self.http.get(f"{self.url}/_sandbox/{path}") as response:
            return await response.json()

    async def post(self, path: str, body: Any = None) -> Any:
        async with self.http.post(f"{self.url}/_sandbox/{path}", json=body) as response:
            assert response.status == 200, await response.text()
            return await response.json()

    async def messages(self) -> list[dict[str, Any]]:
        """The inbox."""
        answer = await self.get("messages")
        return list(answer["messages"])

    async def calls(self, endpoint: str) -> int:
        """How often this endpoint was called."""
        stats = await self.get("stats")
        return int(stats["endpoints"].get(endpoint, {"calls": 0})["calls"])

    async def has_been_called(self, endpoint: str, times: int = 1) -> None:
        """Returns when this endpoint has been called so often."""
        async with asyncio.timeout(30):
            while await self.calls(endpoint) < times:  # noqa: ASYNC110 - it tells by its numbers only
                await asyncio.sleep(0.01)


@dataclass
class Gateway:
    """A gateway under test: an HTTP client of it, and the events it told."""

    url: str
    http: ClientSession
    app: web.Application
    events: list[Event] = field(default_factory=list)

    async def call(self, component: str = SEND_WEIXIN, /, auth: dict[str, Any] = DEMO, **params: Any) -> dict[str, Any]:
        """The envelope of a POST with JSON parameters; credentials in the body."""
        response = await self.post({**auth, **params}, component)
        assert response.headers["X-Bkapi-Request-Id"] == (await response.json())["request_id"]
        envelope: dict[str, Any] = await response.json()
        return envelope

    async def send(self, receiver: Any = "zhangsan", **params: Any) -> dict[str, Any]:
        """The envelope of a send_weixin with a short message."""
        return await self.call(SEND_WEIXIN, **{"receiver": receiver, "data": MESSAGE, **params})

    async def post(
        self, body: Any, component: str = SEND_WEIXIN, headers: dict[str, str] | None = None
    ) -> ClientResponse:
        """The response to a POST; a body that is no bytes goes as JSON."""
        raw = body if isinstance(body, bytes) else json.dumps(body).encode()
        return await self.request("POST", f"/api/c/compapi/{component}/", data=raw, headers=headers)

    async def request(self, method: str, path: str, **options: Any) -> ClientResponse:
        response = await self.http.request(method, self.url + path, **options)
        await response.read()
        return response


def pytest_configure() -> None:
    """Most tests write a small file or two: nothing in memory, while removing them from a disk takes its time."""
    if os.access(IN_MEMORY, os.W_OK):
        os.environ.setdefault("PYTEST_DEBUG_TEMPROOT", IN_MEMORY)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers() -> int:
    """One more than there are processors: now and then a test waits."""
    return (os.cpu_count() or 1) + 1


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Files whose tests wait most of their time come first: begun last, they would be waited for alone."""
    items.sort(key=lambda item: item.path.name not in WAITING)


def pytest_collection_finish() -> None:
    """What is there by now stays to the end: nobody who collects garbage need look at it."""
    gc.freeze()


OpenGateway = Callable[..., Awaitable[Gateway]]
OpenServer = Callable[[web.Application], Awaitable[str]]


@pytest.fixture(scope="session")
def redis() -> Iterator[RedisServer]:
    """A Redis server that all tests share and none of them harms; each has a prefix of its own."""
    with redis_server() as server:
        yield server


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def opened() -> AsyncIterator[AsyncExitStack]:
    """Closes what a test opened, in reverse."""
    async with AsyncExitStack() as stack:
        yield stack


@pytest.fixture
async def http(opened: AsyncExitStack) -> ClientSession:
    return await opened.enter_async_context(ClientSession(connector=TCPConnector(limit=0)))


@pytest.fixture
def open_server(opened: AsyncExitStack) -> OpenServer:
    """Serves an application on a free port of loopback; its URL. For upstreams that misbehave in their own way."""

    async def open_one(app: web.Application) -> str:
        runner = web.AppRunner(app, handler_cancellation=True, access_log=None)
        opened.push_async_callback(runner.cleanup)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0, backlog=BACKLOG).start()
        return f"http://127.0.0.1:{runner.addresses[0][1]}"

    return open_one


@pytest.fixture
async def sandbox(open_server: OpenServer, http: ClientSession) -> Sandbox:
    return Sandbox(await open_server(create_sandbox()), http)


@pytest.fixture
def slow_wecom() -> Iterator[SlowWeCom]:
    slow = SlowWeCom()
    yield slow
    slow.close()


@pytest.fixture
def open_gateway(opened: AsyncExitStack, http: ClientSession, tmp_path: Path) -> OpenGateway:
    """Serves the gateway of a configuration: `components` (YAML list items), or the whole text as `config`."""

    async def open_one(
        components: str = WECOM,
        *,
        config: str | None = None,
        more: str = "",
        sandbox_url: str | None = None,
        clock: Clock | None = None,
    ) -> Gateway:
        path = tmp_path / "esb.yaml"
        text = f"{SERVICES}{textwrap.dedent(more)}components:\n{components}" if config is None else config
        path.write_text(text)
        events: list[Event] = []
        loaded = load(path, {}, sandbox_url=sandbox_url)
        app = create_app(loaded, listeners=[events.append], clock=clock or ImpatientClock())
        url = await opened.enter_async_context(listening(app, "127.0.0.1", 0))  # as `esb serve` does
        return Gateway(url, http, app, events)

    return open_one


@pytest.fixture
async def gateway(open_gateway: OpenGateway, sandbox: Sandbox) -> Gateway:
    """A gateway whose send_weixin goes through the sandbox's WeCom."""
    return await open_gateway(WECOM, sandbox_url=sandbox.url)

"""A real gateway and a real WeChat sandbox for every test that wants them, over HTTP on loopback."""

import gc
import os
import sys
import textwrap
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest
from aiohttp import ClientSession, TCPConnector, web

from esb.config import load
from esb.core.events import Event
from esb.database.engine import Database
from esb.gateway.app import create_app
from esb.outgoing.engines.httptools import INSTALLED
from esb.sandbox import create_sandbox
from esb.server.listener import listening
from esb.server.listening_sockets import BACKLOG
from tests.support.clock import Clock, ImpatientClock
from tests.support.configuration import SERVICES, WECOM
from tests.support.databases import open_database
from tests.support.gateway import Gateway, OpenGateway, OpenServer, Sandbox
from tests.support.servers.databases import DatabaseServer, chosen_back_ends, database_server
from tests.support.servers.redis_server import RedisServer, redis_server
from tests.support.servers.slow_wecom import SlowWeCom

IN_MEMORY = "/dev/shm"  # noqa: S108 - pytest makes folders of its own there, for this user alone
FIRST = {
    *("test_bench.py", "test_dev.py", "test_processes.py", "test_soak.py", "test_stuck_workers.py", "test_workers.py"),
    *("test_fixtures.py", "test_metrics.py", "test_redis.py", "test_store.py"),
}
"""Files that mostly wait, and the longest of the last ones: begun last, they would be waited for alone."""


def pytest_configure() -> None:
    """Most tests write a small file or two: nothing in memory, while removing them from a disk takes its time."""
    if os.access(IN_MEMORY, os.W_OK):
        os.environ.setdefault("PYTEST_DEBUG_TEMPROOT", IN_MEMORY)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers() -> int:
    """One more than there are processors: now and then a test waits."""
    return (os.cpu_count() or 1) + 1


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out the tests of httptools where there is none, and put the files first that are to be begun first."""
    if not INSTALLED and (without := [item for item in items if item.get_closest_marker("httptools")]):
        config.hook.pytest_deselected(items=without)
        items[:] = [item for item in items if item not in without]
    items.sort(key=lambda item: item.path.name not in FIRST)


def pytest_collection_finish() -> None:
    """Spare the garbage collector all that is loaded by now: it stays to the end."""
    gc.freeze()


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Fail a run of CI in which a test was skipped: what it needs has to be there."""
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if os.environ.get("CI") and reporter is not None and reporter.stats.get("skipped"):
        session.exitstatus = session.exitstatus or pytest.ExitCode.TESTS_FAILED


@pytest.fixture(autouse=True)
def import_path() -> Iterator[None]:
    """The folders of modules, each test's own: of the esb.yaml of thousands of tests they would outgrow a command line.

    Which is how the processes that tests start are told them.
    """
    before = [*sys.path]
    yield
    sys.path[:] = before


@pytest.fixture(scope="session")
def redis() -> Iterator[RedisServer]:
    """A Redis server that all tests share and none of them harms; each has a prefix of its own."""
    with redis_server() as server:
        yield server


@pytest.fixture(scope="session")
def postgresql() -> Iterator[DatabaseServer]:
    """A PostgreSQL server that all tests share and none of them harms; each has a database of its own."""
    with database_server("postgresql") as server:
        yield server


@pytest.fixture(scope="session")
def mariadb() -> Iterator[DatabaseServer]:
    """A MariaDB server, likewise."""
    with database_server("mysql") as server:
        yield server


@pytest.fixture(params=chosen_back_ends())
def back_end(request: pytest.FixtureRequest) -> str:
    """sqlite, postgresql and mysql, one after the other."""
    name: str = request.param
    return name


@pytest.fixture
def database_url(request: pytest.FixtureRequest, back_end: str, tmp_path: Path) -> str:
    """The URL of a database without tables."""
    if back_end == "sqlite":
        return f"sqlite:///{tmp_path}/esb.db"
    server: DatabaseServer = request.getfixturevalue({"postgresql": "postgresql", "mysql": "mariadb"}[back_end])
    return server.database()


@pytest.fixture
async def database(database_url: str, opened: AsyncExitStack) -> Database:
    """A database with all tables, open."""
    return await opened.enter_async_context(open_database(database_url))


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def opened() -> AsyncIterator[AsyncExitStack]:
    """A stack that closes all that a test opened, in reverse."""
    async with AsyncExitStack() as stack:
        yield stack


@pytest.fixture
async def http(opened: AsyncExitStack) -> ClientSession:
    return await opened.enter_async_context(ClientSession(connector=TCPConnector(limit=0)))


@pytest.fixture
def open_server(opened: AsyncExitStack) -> OpenServer:
    """Serve an application on a free port of loopback; return its URL. For upstreams with bad manners of their own."""

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
    """Serve the gateway of a configuration: `components` (YAML list items), or the whole text as `config`."""

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

"""Fixtures for tests of plugins. pytest loads this wherever the gateway is installed, so it loads little itself."""

import shutil
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

try:
    import pytest_asyncio
except ImportError:  # pragma: no cover - an extra; _fixture asks
    pytest_asyncio = None  # type: ignore[assignment]

if TYPE_CHECKING:
    from esb.testing import (
        AssertNoSecrets,
        CallComponent,
        Clock,
        OpenGateway,
        OpenMiddleware,
        OpenService,
        RedisServer,
        Sandbox,
        Upstream,
    )
    from esb.testing.gateway import Gateways

NEEDS_ASYNCIO = "the fixtures of esb.testing need pytest-asyncio: pip install 'esb-gateway[testing]'"


def _fixture(function: Callable[..., Any]) -> Any:
    """Make an asynchronous fixture; without pytest-asyncio, one that fails and says what to install."""
    if pytest_asyncio is not None:
        return pytest_asyncio.fixture(function)

    def lacking() -> None:
        pytest.fail(NEEDS_ASYNCIO)

    return pytest.fixture(name=function.__name__)(lacking)


@_fixture
async def esb_gateways(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> "AsyncIterator[Gateways]":
    """The gateways of one test, for the fixtures below. A plugin that crashed while they closed fails the test, too."""
    from esb.testing.gateway import Gateways

    folder = _beside_esb_yaml(request.path) or request.config.rootpath
    monkeypatch.syspath_prepend(str(folder))
    async with AsyncExitStack() as stack:
        gateways = Gateways(stack, folder, tmp_path)
        yield gateways
    for opened in gateways.opened:
        opened.raise_crashes()


@_fixture
async def upstream() -> "AsyncIterator[Upstream]":
    """A third-party system whose answers the test decides."""
    from esb.testing.upstream import serving

    async with serving() as server:
        yield server


@_fixture
async def sandbox() -> "AsyncIterator[Sandbox]":
    """A WeChat of the test's own: its `url` is what wx_qy_host and the like name, `messages()` its inbox."""
    from esb.testing.sandbox import serving

    async with serving() as server:
        yield server


@pytest.fixture(scope="session")
def esb_redis_server() -> "Iterator[RedisServer]":
    """The server of all tests that ask for `redis`."""
    from esb.testing.redis_server import COMMAND, RedisServer, free_port

    if shutil.which(COMMAND) is None:
        pytest.skip(f"{COMMAND} is not installed (Debian: apt-get install redis-server)")
    server = RedisServer(free_port())
    yield server
    server.stop()


@pytest.fixture
def redis(esb_redis_server: "RedisServer") -> "RedisServer":
    """A Redis server with nothing in it: await gateway(use, config, services={"store": redis.stanza})."""
    esb_redis_server.empty()
    return esb_redis_server


@pytest.fixture
def clock() -> "Clock":
    """A clock that a test moves by `clock.advance(seconds)`: await gateway(use, config, clock=clock)."""
    from esb.testing.clock import Clock

    return Clock()


@pytest.fixture
def gateway(esb_gateways: "Gateways") -> "OpenGateway":
    """Open a real gateway around one component: await gateway("plugins.demo_hello:Hello", {...})."""
    return esb_gateways.open


@pytest.fixture
def middleware(esb_gateways: "Gateways") -> "OpenMiddleware":
    """Open a real gateway with one more middleware: await middleware("plugins.quiet_hours:QuietHours", {...})."""
    return esb_gateways.open_middleware


@pytest.fixture
def service(esb_gateways: "Gateways") -> "OpenService":
    """Open a real gateway with this back end: await service("apps", "plugins.file_apps:FileApps", {...})."""
    return esb_gateways.open_service


@pytest.fixture
def call(esb_gateways: "Gateways") -> "CallComponent":
    """Call the component of the gateway that was opened last, and return the envelope: await call(name="Ann")."""
    return esb_gateways.call


@pytest.fixture
def assert_no_secrets(esb_gateways: "Gateways", caplog: pytest.LogCaptureFixture) -> "AssertNoSecrets":
    """Fail if one of these secrets stands in an answer, an event, a log or a repr so far."""
    from esb.testing.secrets import assert_no_secrets

    return lambda *secrets: assert_no_secrets(esb_gateways.opened, caplog.text, *secrets)


def _beside_esb_yaml(test: Path) -> Path | None:
    """Return the nearest folder above the test with an esb.yaml: in production plugins are importable from there."""
    return next((folder for folder in test.parents if (folder / "esb.yaml").is_file()), None)

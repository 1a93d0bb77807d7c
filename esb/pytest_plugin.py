"""Fixtures for tests of plugins. pytest loads this wherever the gateway is installed, so it loads little itself."""

from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

try:
    import pytest_asyncio
except ImportError:  # pragma: no cover - an extra; _fixture asks
    pytest_asyncio = None  # type: ignore[assignment]

if TYPE_CHECKING:
    from esb.testing import AssertNoSecrets, CallComponent, OpenGateway, Upstream
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
    """The gateways of one test, for the fixtures below."""
    from esb.testing.gateway import Gateways

    folder = _beside_esb_yaml(request.path) or request.config.rootpath
    monkeypatch.syspath_prepend(str(folder))
    async with AsyncExitStack() as stack:
        yield Gateways(stack, folder, tmp_path)


@_fixture
async def upstream() -> "AsyncIterator[Upstream]":
    """A third-party system whose answers the test decides."""
    from esb.testing.upstream import serving

    async with serving() as server:
        yield server


@pytest.fixture
def gateway(esb_gateways: "Gateways") -> "OpenGateway":
    """Open a real gateway around one component: await gateway("plugins.demo_hello:Hello", {...})."""
    return esb_gateways.open


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

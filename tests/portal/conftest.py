"""A portal as `esb serve` has it, for tests of its pages."""

from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from tests.support.portal import Portal, open_portal


@pytest.fixture
async def portal(tmp_path: Path, opened: AsyncExitStack) -> Portal:
    """Open one with a gateway, a sandbox, and a database."""
    return await opened.enter_async_context(open_portal(tmp_path))

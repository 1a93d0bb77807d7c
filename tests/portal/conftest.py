"""A portal as `esb serve` has it, for tests of its pages."""

from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from esb.database.engine import Database
from tests.support.portal import Portal, open_portal
from tests.support.portal_deliveries import rows_of


@pytest.fixture
async def portal(tmp_path: Path, opened: AsyncExitStack) -> Portal:
    """Open one with a gateway, a sandbox, and a database."""
    return await opened.enter_async_context(open_portal(tmp_path))


@pytest.fixture
async def rows(portal: Portal, opened: AsyncExitStack) -> Database:
    """The database of the portal, for deliveries that nobody delivers."""
    return await opened.enter_async_context(rows_of(portal))

"""A portal as `esb serve` has it, for tests of its pages."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import Browser

from esb.database.engine import Database
from tests.support.browser import open_browser
from tests.support.portal import Portal, open_portal
from tests.support.portal_deliveries import rows_of
from tests.support.showroom import Showroom, open_showroom


@pytest.fixture
async def portal(tmp_path: Path, opened: AsyncExitStack) -> Portal:
    """Open one with a gateway, a sandbox, and a database."""
    return await opened.enter_async_context(open_portal(tmp_path))


@pytest.fixture
async def rows(portal: Portal, opened: AsyncExitStack) -> Database:
    """The database of the portal, for deliveries that nobody delivers."""
    return await opened.enter_async_context(rows_of(portal))


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def browser() -> AsyncIterator[Browser]:
    """A browser that the tests of a file share."""
    async with open_browser() as browser:
        yield browser


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def showroom(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Showroom]:
    """A portal in which every page has something to show, which the tests of a file share.

    A parameter is a text that is to stand wherever somebody can write one, the code of an app included.
    """
    folder, text = tmp_path_factory.mktemp("showroom"), getattr(request, "param", None)
    async with open_showroom(folder, *([] if text is None else [text, text[:60]])) as showroom:
        yield showroom

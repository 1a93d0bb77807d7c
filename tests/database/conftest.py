"""A registry over an empty database of its own for each test."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.support.registry import Registered, registered


@pytest.fixture
async def records(tmp_path: Path) -> AsyncIterator[Registered]:
    async with registered(f"sqlite+aiosqlite:///{tmp_path}/esb.db") as opened:
        yield opened

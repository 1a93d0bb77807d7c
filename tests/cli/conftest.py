"""Commands over a database that has its tables and nothing else."""

from pathlib import Path

import pytest

from tests.support.registry_commands import Commands, commands


@pytest.fixture
def esb(tmp_path: Path) -> Commands:
    return commands(tmp_path, f"sqlite:///{tmp_path}/data.db")

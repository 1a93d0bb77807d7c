"""A registry over each kind of database, one of its own for each test."""

import pytest

from esb.database.engine import Database
from esb.database.registry import Registry
from tests.support.registry import NOW, Registered


@pytest.fixture
def records(database: Database) -> Registered:
    """The registry of an empty database, at a time of day that stands still."""
    return Registered(database, Registry(database, lambda: NOW))

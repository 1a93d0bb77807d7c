"""A registry over each kind of database, one of its own for each test, and servers that a test may stop."""

from collections.abc import Iterator

import pytest

from esb.database.engine import Database
from esb.database.registry import Registry
from tests.support.registry import NOW, Registered
from tests.support.servers.databases import DatabaseServer, database_server


@pytest.fixture
def records(database: Database) -> Registered:
    """The registry of an empty database, at a time of day that stands still."""
    return Registered(database, Registry(database, lambda: NOW))


@pytest.fixture(scope="module", params=["postgresql", "mysql"])
def own_server(request: pytest.FixtureRequest) -> Iterator[DatabaseServer]:
    """A server for the tests of one file, each of which leaves it running."""
    with database_server(request.param) as server:
        yield server

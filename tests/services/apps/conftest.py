"""Apps in a database of each kind, one of its own for each test, and gateways that read them."""

import pytest

from esb.database.engine import Database
from esb.database.registry import Registry
from tests.support.clock import Clock
from tests.support.databases import stanza
from tests.support.gateway import Gateway, OpenGateway
from tests.support.registry import Registered
from tests.support.sql_apps import OpenSqlGateway

CONFIG = """\
version: 1
services:
{database}{services}
middlewares: [{{use: app_auth}}, {{use: user_auth}}, {{use: permission}}]
components:
  - {{path: /cc/search_host/, use: "tests.support.components:Echo"}}
  - {{path: /cc/other/, use: "tests.support.components:Echo"}}
  - {{path: /cmsi/secret/, restricted: true, use: "tests.support.components:Echo"}}
"""


@pytest.fixture
def records(database: Database, clock: Clock) -> Registered:
    """The registry of an empty database, by the time of the tests' clock."""
    return Registered(database, Registry(database, lambda: round(clock.since_1970() * 1000)))


@pytest.fixture
def open_sql_gateway(open_gateway: OpenGateway, database_url: str, clock: Clock) -> OpenSqlGateway:
    """Serve a gateway whose apps are those of the database, unless `services` says otherwise."""

    async def open_one(services: str = "  apps: {use: sql}") -> Gateway:
        return await open_gateway(config=CONFIG.format(database=stanza(database_url), services=services), clock=clock)

    return open_one

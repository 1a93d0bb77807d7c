"""Gateways that accept deliveries, into a database of each kind or into a file."""

from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from esb.database.engine import Database
from tests.support.clock import Clock
from tests.support.configuration import SERVICES, WECOM
from tests.support.databases import open_database
from tests.support.deliveries import SEPARATE, Held, OpenAccepting, accepting_config
from tests.support.delivering import Delivering, OpenDelivering
from tests.support.gateway import Gateway, OpenGateway, Sandbox


@pytest.fixture
def held(database: Database) -> Held:
    """What the database holds of deliveries."""
    return Held(database)


@pytest.fixture
def open_accepting(open_gateway: OpenGateway, database: Database, database_url: str, sandbox: Sandbox) -> OpenAccepting:
    """Serve a gateway with a database; it accepts deliveries, and sends none unless it is told to."""

    async def open_one(
        components: str = WECOM, deliveries: str = SEPARATE, services: str = SERVICES, clock: Clock | None = None
    ) -> Gateway:
        config = accepting_config(database_url, components, deliveries, services)
        return await open_gateway(config=config, sandbox_url=sandbox.url, clock=clock)

    return open_one


@pytest.fixture
def open_delivering(
    open_gateway: OpenGateway, database: Database, database_url: str, sandbox: Sandbox, clock: Clock
) -> OpenDelivering:
    """Serve a gateway that delivers what it accepts, into a database of each kind."""

    async def open_one(components: str = WECOM, deliveries: str = "{}") -> Delivering:
        config = accepting_config(database_url, components, deliveries)
        gateway = await open_gateway(config=config, sandbox_url=sandbox.url, clock=clock)
        return Delivering(gateway, database, sandbox, clock)

    return open_one


@pytest.fixture
async def delivering(open_delivering: OpenDelivering) -> Delivering:
    """A gateway that delivers to the sandbox's WeCom."""
    return await open_delivering()


@pytest.fixture
async def in_file(opened: AsyncExitStack, tmp_path: Path) -> Held:
    """What the file of SQLite holds that `open_in_file` writes."""
    return Held(await opened.enter_async_context(open_database(f"sqlite:///{tmp_path}/in_file.db")))


@pytest.fixture
def open_in_file(open_gateway: OpenGateway, in_file: Held, sandbox: Sandbox) -> OpenAccepting:
    """Serve a gateway that accepts deliveries into a file of SQLite, which takes the time from the gateway's clock."""

    async def open_one(components: str = WECOM, clock: Clock | None = None) -> Gateway:
        config = accepting_config(f"sqlite:///{in_file.database.file}", components)
        return await open_gateway(config=config, sandbox_url=sandbox.url, clock=clock)

    return open_one

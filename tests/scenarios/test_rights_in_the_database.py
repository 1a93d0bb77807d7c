"""Two gateways of two workers each over one database: what is written counts in all four, and outages harm nobody."""

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest
from aiohttp import ClientSession, TCPConnector

from esb.database.engine import Database, DatabaseAway
from esb.database.registry import Actor, Registry, Terms
from tests.support.databases import open_database, stanza
from tests.support.processes.command_line import running
from tests.support.processes.machines import children
from tests.support.servers.databases import DatabaseServer, database_server
from tests.support.sql_apps import AUTH

GATEWAYS = 2
AT_ONCE = 24
"""Calls over connections of their own that are made together: some of them come to each worker."""
CONFIG = """\
version: 1
server: {{port: 0, workers: 2}}
services:
{database}  apps: {{use: sql}}
  store: {{use: memory, config: {{per_process: accept}}}}
middlewares: [{{use: app_auth}}, {{use: permission}}]
components:
  - {{path: /cc/search_host/, use: "tests.support.components:Echo"}}
"""
ROOT = Actor("cli:root", "cli")
ALLOWED, DENIED, NOBODY = {0}, {1306403}, {1306000}


@pytest.fixture(scope="module")
def server() -> Iterator[DatabaseServer]:
    """A server that a test may stop."""
    with database_server("postgresql") as started:
        yield started


@pytest.fixture
def url(server: DatabaseServer) -> str:
    """An empty database of that server."""
    return server.database()


@pytest.fixture
async def database(url: str) -> AsyncIterator[Database]:
    """The same with its tables, open."""
    async with open_database(url) as opened:
        yield opened


@contextmanager
def gateways(url: str, folder: Path) -> Iterator[list[str]]:
    """Yield the addresses of two gateways, each with two workers."""
    path = folder / "esb.yaml"
    path.write_text(CONFIG.format(database=stanza(url)))
    with ExitStack() as stack:
        started = [
            stack.enter_context(running("serve", "-c", path, log=folder / f"log{number}")) for number in range(GATEWAYS)
        ]
        addresses = [each.url for each in started]
        assert [len(children(each.pid)) for each in started] == [2] * GATEWAYS
        yield addresses


async def codes(addresses: list[str]) -> set[Any]:
    """The codes of many calls at once, each over a connection of its own."""

    async def code(http: ClientSession, address: str) -> Any:
        url = f"{address}/api/c/compapi/cc/search_host/"
        async with http.post(url, json=AUTH) as response:
            return (await response.json())["code"]

    async with ClientSession(connector=TCPConnector(force_close=True, limit=0)) as http:
        return {*await asyncio.gather(*(code(http, address) for address in addresses * AT_ONCE))}


async def until(addresses: list[str], expected: set[int]) -> None:
    """Wait until several rounds of calls are all answered so."""
    rounds = 0
    while rounds < 3:
        rounds = rounds + 1 if await codes(addresses) == expected else 0


async def test_what_is_written_and_what_ends_counts_in_every_worker(
    database: Database, url: str, tmp_path: Path
) -> None:
    registry = Registry(database)
    with gateways(url, tmp_path) as addresses:
        assert await codes(addresses) == NOBODY
        async with registry.writing(ROOT) as write:
            await write.apps.create("shop", secrets=["first-secret"])
            await write.grants.add("shop", "cc.*")
        await until(addresses, ALLOWED)
        async with registry.writing(ROOT) as write:
            await write.grants.revoke("shop", "cc.*")
        await until(addresses, DENIED)
        ends = time.time_ns() // 1_000_000 + 4000
        async with registry.writing(ROOT) as write:
            await write.grants.add("shop", "cc.*", Terms(until=ends))
        await until(addresses, ALLOWED)
        await until(addresses, DENIED)
        assert time.time_ns() // 1_000_000 >= ends


async def test_no_call_fails_while_the_database_is_away_and_changes_come_when_it_is_back(
    database: Database, url: str, server: DatabaseServer, tmp_path: Path
) -> None:
    registry = Registry(database)
    async with registry.writing(ROOT) as write:
        await write.apps.create("shop", secrets=["first-secret"])
        await write.grants.add("shop", "cc.*")
    with gateways(url, tmp_path) as addresses:
        assert await codes(addresses) == ALLOWED
        server.kill()
        try:
            async with ClientSession() as http:
                for address in addresses:
                    while "degraded" not in await (await http.get(f"{address}/api/c/healthz/")).text():
                        assert await codes(addresses) == ALLOWED
            for _ in range(5):
                assert await codes(addresses) == ALLOWED
        finally:
            server.start()
        while not await revoked(registry):
            pass
        await until(addresses, DENIED)


async def revoked(registry: Registry) -> bool:
    """Take the right away; False if the database does not answer yet."""
    try:
        async with registry.writing(ROOT) as write:
            await write.grants.revoke("shop", "cc.*")
    except DatabaseAway:
        return False
    return True

"""TLS to a server: its certificate counts, or nothing is said to it."""

from collections.abc import Iterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from esb.database import trouble
from esb.database.engine import DatabaseAway
from tests.support.certificates import Authority
from tests.support.databases import make_database, open_database
from tests.support.servers.databases import DatabaseServer, database_server


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("certificates"))


@pytest.fixture(scope="module", params=["postgresql", "mysql"])
def tls_server(request: pytest.FixtureRequest, authority: Authority) -> Iterator[DatabaseServer]:
    """A server with a certificate of this authority."""
    with database_server(request.param) as server:
        server.stop()
        server.use_certificate(authority.issue("server"), authority.ca)
        server.start()
        yield server


async def reached(url: str) -> None:
    database = make_database(url)
    try:
        await database.require()
    finally:
        await database.close()


async def test_a_certificate_that_counts_lets_us_in(
    tls_server: DatabaseServer, authority: Authority, opened: AsyncExitStack
) -> None:
    url = tls_server.database()
    for query in (f"tls=verify&ca={authority.ca}", "tls=require", "tls=off"):
        await opened.enter_async_context(open_database(f"{url}?{query}"))
        await reached(f"{url}?{query}")


async def test_a_certificate_of_somebody_else_does_not_count(tls_server: DatabaseServer, tmp_path: Path) -> None:
    other = Authority(tmp_path).ca
    with pytest.raises(DatabaseAway, match=trouble.CERTIFICATE):
        await reached(f"{tls_server.database()}?tls=verify&ca={other}")
    with pytest.raises(DatabaseAway, match=trouble.CERTIFICATE):
        await reached(f"{tls_server.database()}?tls=verify")


@pytest.mark.parametrize("tls", ["verify", "require"])
async def test_a_server_without_tls_hears_no_password(own_server: DatabaseServer, tls: str) -> None:
    with pytest.raises(DatabaseAway, match=trouble.CERTIFICATE):
        await reached(f"{own_server.database()}?tls={tls}")


async def test_a_socket_is_another_way_to_it(own_server: DatabaseServer, opened: AsyncExitStack) -> None:
    url, name = own_server.database(), own_server.socket
    by_socket = url.replace(f"127.0.0.1:{own_server.port}", "")
    await opened.enter_async_context(open_database(f"{by_socket}?socket={name}"))

"""The database of a gateway: lent, opened with it, told when it is away, and refused where it does not fit."""

import asyncio
import sys
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from esb.config import load
from esb.contracts.services import ProcessServices
from esb.core.errors import ConfigError
from esb.core.process_events import DatabaseTurned
from esb.gateway.app import GATEWAY, create_app
from tests.support.databases import open_database, stanza
from tests.support.gateway import Gateway, OpenGateway
from tests.support.processes.command_line import run
from tests.support.processes.interpreter import python
from tests.support.repository import ROOT
from tests.support.servers.databases import KEY, OTHER_KEY, DatabaseServer, database_server

PLAIN = "version: 1\nservices:\n{services}components: []\n"


def services_of(gateway: Gateway) -> ProcessServices:
    return gateway.app[GATEWAY]._services


async def healthz(gateway: Gateway) -> tuple[int, str]:
    response = await gateway.request("GET", "/api/c/healthz/")
    return response.status, (await response.json())["message"]


async def test_a_gateway_lends_its_database(
    open_gateway: OpenGateway, database_url: str, opened: AsyncExitStack
) -> None:
    await opened.enter_async_context(open_database(database_url))
    gateway = await open_gateway(config=PLAIN.format(services=stanza(database_url)))
    database = services_of(gateway).database
    assert database is not None
    assert database.keys.digest("a", "b")
    async with database.reading():
        assert (await healthz(gateway))[1] == "OK"


async def test_without_one_nothing_is_lent(open_gateway: OpenGateway) -> None:
    gateway = await open_gateway(config=PLAIN.format(services="  store: {use: memory}\n"))
    assert services_of(gateway).database is None


def test_nothing_of_a_database_is_loaded_where_there_is_none(tmp_path: Path) -> None:
    (tmp_path / "esb.yaml").write_text(PLAIN.format(services="  store: {use: memory}\n"))
    loaded = (
        "import sys; from esb.config import load; from esb.gateway.app import create_app; import esb.cli.serve\n"
        "create_app(load('esb.yaml')); print({'sqlalchemy', 'alembic', 'greenlet', 'aiosqlite'} & {*sys.modules})"
    )
    assert python("-c", loaded, folder=tmp_path, PYTHONPATH=str(ROOT)).stdout == "set()\n"


async def test_nothing_of_alembic_is_loaded_to_serve(tmp_path: Path, opened: AsyncExitStack) -> None:
    await opened.enter_async_context(open_database(f"sqlite:///{tmp_path}/esb.db"))
    (tmp_path / "esb.yaml").write_text(PLAIN.format(services=stanza("sqlite:///esb.db")))
    loaded = (
        "import asyncio, sys; from esb.config import load; from esb.gateway.process_database import require_fit\n"
        "asyncio.run(require_fit(load('esb.yaml'))); print({'sqlalchemy', 'alembic', 'asyncpg'} & {*sys.modules})"
    )
    done = await asyncio.to_thread(python, "-c", loaded, folder=tmp_path, PYTHONPATH=str(ROOT))
    assert done.stdout == "{'sqlalchemy'}\n", done.stderr


@pytest.mark.parametrize("workers", [1, 2])
@pytest.mark.parametrize(
    ("keys", "line"),
    [
        (None, "services.database: the database has no tables yet: run `esb db upgrade`"),
        ([OTHER_KEY], "services.database: the database keeps secrets that none of services.database.encryption_keys"),
    ],
)
async def test_one_that_does_not_fit_ends_the_start_with_78(
    tmp_path: Path, workers: int, keys: list[str] | None, line: str, opened: AsyncExitStack
) -> None:
    if keys is not None:
        await opened.enter_async_context(open_database(f"sqlite:///{tmp_path}/esb.db"))
    services = stanza("sqlite:///esb.db", keys or [KEY]) + "  store: {use: memory, config: {per_process: accept}}\n"
    server = f"server: {{port: 0, workers: {workers}}}\n"
    (tmp_path / "esb.yaml").write_text(PLAIN.format(services=services) + server)

    done = await asyncio.to_thread(run, "serve", folder=tmp_path)

    assert done.code == 78
    assert done.stderr.startswith(f"esb.yaml:3: {line}"), done.stderr
    assert done.stderr.count("\n") == 1


async def test_one_that_is_away_is_told_and_does_not_keep_a_gateway_from_starting(
    open_gateway: OpenGateway, opened: AsyncExitStack
) -> None:
    server: DatabaseServer = opened.enter_context(database_server("postgresql"))
    url = server.database()
    await opened.enter_async_context(open_database(url))
    server.kill()

    gateway = await open_gateway(config=PLAIN.format(services=stanza(url)))
    assert await healthz(gateway) == (200, "degraded: database: the database refuses connections")

    database = services_of(gateway).database
    assert database is not None
    await asyncio.to_thread(server.start)
    async with asyncio.timeout(30):
        while database.trouble:  # noqa: ASYNC110 - it is told in the background
            await asyncio.sleep(0.01)
    turned = [event.trouble for event in gateway.events if isinstance(event, DatabaseTurned)]
    assert (turned[0], turned[-1]) == ("the database refuses connections", "")
    async with database.reading():
        pass


@pytest.mark.parametrize("module", ["sqlalchemy.ext.asyncio", "greenlet", "asyncpg"])
def test_a_library_that_is_missing_is_named_with_the_extra(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, module: str
) -> None:
    (tmp_path / "esb.yaml").write_text(PLAIN.format(services=stanza("postgresql://db/esb")))
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(ConfigError) as raised:
        create_app(load(tmp_path / "esb.yaml"))
    assert str(raised.value) == (
        f"{tmp_path}/esb.yaml:3: services.database.url: it needs the module '{module}', which "
        "`pip install 'esb-gateway[postgresql]'` installs"
    )


def test_a_file_of_authorities_that_cannot_be_used_is_a_mistake(tmp_path: Path) -> None:
    path = tmp_path / "esb.yaml"
    (tmp_path / "empty.pem").write_text("nothing")
    for file, reason in (("ca.pem", "No such file or directory"), ("empty.pem", "it holds no certificates")):
        path.write_text(PLAIN.format(services=stanza(f"postgresql://db/esb?tls=verify&ca={file}")))
        with pytest.raises(ConfigError) as raised:
            create_app(load(path))
        assert str(raised.value).endswith(f"services.database.url: the file of ca= cannot be used: {reason}")

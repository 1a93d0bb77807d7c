"""The preflight of the database: servers and files, and what may be wrong with them."""

from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest

from esb.config import ConfigModel
from esb.contracts.services import ProcessServices
from esb.core.delivery_states import DeliveryState
from esb.database.holds import hold
from esb.introspect import database_checks
from esb.introspect.database_checks import file_system
from tests.support.databases import open_database
from tests.support.delivery_rows import add_delivery
from tests.support.ports import free_port
from tests.support.preflight import Preflight, preflight
from tests.support.servers.databases import KEY, OTHER_KEY, DatabaseServer

NAME = "services.database"
STEPS = [f"database_{each}" for each in ("login", "version", "mode", "latency", "schema", "key")]


async def examined(folder: Path, url: str, key: str = KEY, **parts: Any) -> Preflight:
    return await preflight(folder, services={"database": {"url": url, "encryption_keys": [key]}}, **parts)


async def test_a_good_database_is_ok(tmp_path: Path, database_url: str, back_end: str, opened: AsyncExitStack) -> None:
    await opened.enter_async_context(open_database(database_url))
    found = (await examined(tmp_path, database_url)).of(NAME)

    way = ["database_place", "database_file"] if back_end == "sqlite" else ["name", "tcp"]
    assert {check: each.result for check, each in found.items()} == dict.fromkeys([*way, *STEPS], "ok")
    product = {"sqlite": "SQLite", "postgresql": "PostgreSQL", "mysql": "MariaDB"}[back_end]
    assert found["database_version"].cause.startswith(f"{product} ")
    assert found["database_login"].place.endswith("esb.yaml:3")


async def test_one_without_tables_names_the_command(tmp_path: Path, database_url: str, back_end: str) -> None:
    done = await examined(tmp_path, database_url)
    check = "database_file" if back_end == "sqlite" else "database_schema"
    assert done.failed == [f"{NAME} {check}"]
    assert done.of(NAME)[check].fix == "run `esb db upgrade`"


async def test_a_lost_key_is_told(tmp_path: Path, database_url: str, opened: AsyncExitStack) -> None:
    await opened.enter_async_context(open_database(database_url))
    done = await examined(tmp_path, database_url, OTHER_KEY)
    assert done.failed == [f"{NAME} database_key"]
    assert "put the key back" in done.of(NAME)["database_key"].fix


async def test_a_wrong_password_is_told_and_not_repeated(tmp_path: Path, postgresql: DatabaseServer) -> None:
    done = await examined(tmp_path, postgresql.database().replace("secret", "hunter2-hunter2"))
    assert done.failed == [f"{NAME} database_login"]
    assert done.of(NAME)["database_login"].cause == "the database refuses the user or the password"
    assert "correct user and password" in done.of(NAME)["database_login"].fix
    assert "hunter2" not in done.text


async def test_a_database_that_is_not_there_is_told(tmp_path: Path, mariadb: DatabaseServer) -> None:
    done = await examined(tmp_path, mariadb.url("nobody_made_it"))
    assert done.failed == [f"{NAME} database_login"]
    assert "CREATE DATABASE" in done.of(NAME)["database_login"].fix


async def test_a_server_that_is_away_is_told_once_and_the_rest_is_examined(tmp_path: Path) -> None:
    done = await examined(tmp_path, f"mysql://esb@127.0.0.1:{free_port()}/esb")
    assert done.failed == [f"{NAME} tcp"]
    assert done.of("process") != {}


@pytest.mark.parametrize(
    ("attribute", "value", "check", "result"),
    [
        ("OLDEST", {"PostgreSQL": (999,)}, "database_version", "fail"),
        ("SLOW_SECONDS", 0.0, "database_latency", "warn"),
    ],
)
async def test_an_old_and_a_slow_server_are_told(
    tmp_path: Path,
    postgresql: DatabaseServer,
    monkeypatch: pytest.MonkeyPatch,
    attribute: str,
    value: object,
    check: str,
    result: str,
) -> None:
    monkeypatch.setattr(database_checks, attribute, value)
    found = (await examined(tmp_path, postgresql.database())).of(NAME)[check]
    assert found.result == result
    assert found.fix


async def test_a_server_that_cuts_texts_short_is_a_warning(tmp_path: Path, mariadb: DatabaseServer) -> None:
    before = mariadb.sql("SELECT @@GLOBAL.sql_mode")
    mariadb.sql("SET GLOBAL sql_mode = ''")
    try:
        found = (await examined(tmp_path, mariadb.database())).of(NAME)["database_mode"]
    finally:
        mariadb.sql(f"SET GLOBAL sql_mode = '{before}'")
    assert (found.result, "not strict" in found.cause) == ("warn", True)


async def test_a_file_that_others_may_read_is_a_warning(tmp_path: Path, opened: AsyncExitStack) -> None:
    url = f"sqlite:///{tmp_path}/esb.db"
    await opened.enter_async_context(open_database(url))
    (tmp_path / "esb.db").chmod(0o644)
    found = (await examined(tmp_path, url)).of(NAME)
    assert (found["database_file"].result, found["database_file"].fix[:9]) == ("warn", "chmod 600")
    assert found["database_key"].result == "ok"


async def test_a_file_on_another_machine_is_a_failure(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, opened: AsyncExitStack
) -> None:
    url = f"sqlite:///{tmp_path}/esb.db"
    await opened.enter_async_context(open_database(url))
    mounts = tmp_path / "mountinfo"
    mounts.write_text(f"36 35 98:0 / / rw - ext4 /dev/a rw\n37 35 0:1 / {tmp_path} rw shared:2 - nfs4 server:/ rw\n")
    monkeypatch.setattr(database_checks, "MOUNTS", mounts)
    done = await examined(tmp_path, url)
    assert done.failed == [f"{NAME} database_place"]
    assert done.of(NAME)["database_place"].cause == "it lies on nfs4"


async def test_deliveries_that_wait_are_told(tmp_path: Path, database_url: str, opened: AsyncExitStack) -> None:
    database = await opened.enter_async_context(open_database(database_url))
    checks = ("deliveries_held", "deliveries_sent", "callbacks_told", "ledger_kept")
    found = (await examined(tmp_path, database_url, deliveries={})).of(NAME)
    assert [found[check].result for check in checks] == ["ok"] * 4
    await add_delivery(database, state=DeliveryState.QUEUED, due=1)
    await add_delivery(database, state=DeliveryState.DEAD, due=1)
    async with database.writing() as connection:
        await hold(connection, "cmsi.send_weixin", 1, "invalid appid", probe=2)
        await hold(connection, "cmsi.send_mail", 2, "a storm", actor="cli:root")
    found = (await examined(tmp_path, database_url, deliveries={})).of(NAME)
    assert [found[check].result for check in checks] == ["warn", "warn", "ok", "warn"]
    told = "cmsi.send_weixin (by the gateway: invalid appid); cmsi.send_mail (by cli:root: a storm)"
    assert found["deliveries_held"].cause == told
    assert "esb deliver" in found["deliveries_sent"].fix


@pytest.mark.parametrize(
    ("scheme", "query", "checks"),
    [
        ("redis", "", {"name", "tcp"}),
        ("rediss", "", {"name", "tcp", "tls"}),
        ("rediss", "?ssl_ca_certs=c", {"name", "tcp"}),
    ],
)
async def test_an_engine_that_is_away_is_told(
    tmp_path: Path, postgresql: DatabaseServer, opened: AsyncExitStack, scheme: str, query: str, checks: set[str]
) -> None:
    url = postgresql.database()
    await opened.enter_async_context(open_database(url))
    engine = {"use": "saq", "config": {"url": f"{scheme}://:hunter2@127.0.0.1:{free_port()}/0{query}"}}
    done = await examined(tmp_path, url, deliveries={"engine": engine})
    assert done.failed == ["deliveries.engine tcp"]
    assert done.of("deliveries.engine").keys() == checks
    assert "hunter2" not in done.text


class BrokerConfig(ConfigModel):
    url: str


class Broker:
    """An engine that somebody else has written."""

    config_type = BrokerConfig

    trouble = ""

    def __init__(self, config: BrokerConfig, services: ProcessServices) -> None: ...

    async def open(self, wake: Callable[[], None] | None) -> None: ...

    async def announce(self, deliveries: Sequence[str]) -> None: ...

    async def close(self) -> None: ...


@pytest.mark.parametrize(("port", "failed"), [("", []), (":{}", ["deliveries.engine tcp"])])
async def test_an_engine_of_ones_own_is_looked_for_only_where_its_port_is_known(
    tmp_path: Path, opened: AsyncExitStack, port: str, failed: list[str]
) -> None:
    url = f"sqlite:///{tmp_path}/esb.db"
    await opened.enter_async_context(open_database(url))
    engine = {"use": f"{__name__}:Broker", "config": {"url": f"amqp://127.0.0.1{port.format(free_port())}"}}
    assert (await examined(tmp_path, url, deliveries={"engine": engine})).failed == failed


def test_the_file_system_is_that_of_the_longest_mount_that_was_mounted_last(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mounts = tmp_path / "mountinfo"
    monkeypatch.setattr(database_checks, "MOUNTS", mounts)
    assert file_system(Path("/var/esb.db")) == ""
    mounts.write_text(
        "1 0 98:0 / / rw - ext4 /dev/a rw\n"
        "2 1 98:1 / /my\\040disk rw - xfs /dev/b rw\n"
        "3 1 98:2 / /srv rw - ext4 /dev/c rw\n"
        "4 1 98:3 / /srv rw - cifs //server rw\n"
    )
    found = [
        file_system(Path(each)) for each in ("/var/esb.db", "/my disk/esb.db", "/srv/a/esb.db", "/srvother/esb.db")
    ]
    assert found == ["ext4", "xfs", "cifs", "ext4"]

"""esb db and esb key: the schema of a database, its keys, and its move."""

import asyncio
import json
import re
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from click.testing import CliRunner
from sqlalchemy import insert

from esb.cli.main import main
from esb.config.database import FERNET_KEY
from esb.database.changes import counted
from esb.database.history import HISTORY
from esb.database.schema import head
from tests.support.databases import open_database, stanza
from tests.support.processes.command_line import run
from tests.support.servers.databases import KEY, OTHER_KEY, DatabaseServer

NONE = "the database has no tables yet: run `esb db upgrade`\n"


def written(folder: Path, url: str, *keys: str, name: str = "esb.yaml") -> Path:
    path = folder / name
    path.write_text(f"version: 1\nservices:\n{stanza(url, keys or (KEY,))}components: []\n")
    return path


def esb(*arguments: str | Path) -> tuple[int, str]:
    """The exit code and all output of a command, in this process."""
    done = CliRunner().invoke(main, [*map(str, arguments)])
    if done.exception is not None and not isinstance(done.exception, SystemExit):
        raise done.exception
    return done.exit_code, done.output


def test_an_upgrade_says_what_it_did(tmp_path: Path, database_url: str) -> None:
    path = written(tmp_path, database_url)
    needs = f"this version needs {head()}\n"
    assert esb("db", "current", "-c", path) == (78, f"the schema is none, {needs}{NONE}")
    assert esb("db", "upgrade", "-c", path) == (0, f"the schema is {head()} (before: none)\n")
    assert esb("db", "upgrade", "-c", path) == (0, f"the schema is {head()}: nothing to do\n")
    assert esb("db", "current", "-c", path) == (0, f"the schema is {head()}, {needs}")
    code, listed = esb("db", "current", "-c", path, "--format", "json")
    assert (code, json.loads(listed)) == (0, [{"revision": head(), "needed": head(), "works": True}])


def test_of_four_upgrades_at_once_one_does_it_and_all_end_well(tmp_path: Path, database_url: str) -> None:
    path = written(tmp_path, database_url)
    with ThreadPoolExecutor(4) as pool:
        done = [*pool.map(lambda _: run("db", "upgrade", "-c", path, folder=tmp_path), range(4))]
    assert [each.code for each in done] == [0] * 4, done
    assert sorted(each.stdout for each in done) == [
        f"the schema is {head()} (before: none)\n",
        *[f"the schema is {head()}: nothing to do\n"] * 3,
    ]
    assert {each.stderr for each in done} == {""}


def test_a_relative_file_lies_beside_the_configuration(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "conf").mkdir()
    path = written(tmp_path / "conf", "sqlite:///data/esb.db")
    monkeypatch.chdir(tmp_path)
    assert esb("db", "upgrade", "-c", path.relative_to(tmp_path))[0] == 0
    assert (tmp_path / "conf" / "data" / "esb.db").is_file()


def test_a_database_that_is_away_is_told_without_its_address(tmp_path: Path) -> None:
    path = written(tmp_path, "postgresql://esb:hunter2@127.0.0.1:1/esb")
    for command in ("upgrade", "current", "rekey"):
        code, told = esb("db", command, "-c", path)
        assert (code, told) == (1, f"Error: the database refuses connections (services.database in {path})\n")


def test_without_a_database_the_configuration_is_named(tmp_path: Path) -> None:
    path = tmp_path / "esb.yaml"
    path.write_text("version: 1\ncomponents: []\n")
    code, told = esb("db", "upgrade", "-c", path)
    assert (code, told) == (78, f"there is no services.database in {path}: `esb key new` prints a key for one\n")


def test_what_is_wrong_elsewhere_does_not_matter(tmp_path: Path) -> None:
    path = written(tmp_path, "sqlite:///esb.db")
    path.write_text(path.read_text() + "server: {port: many}\nunknown: 1\n")
    assert esb("db", "upgrade", "-c", path)[0] == 0
    path.write_text(path.read_text().replace("sqlite:", "oracle:"))
    code, told = esb("db", "upgrade", "-c", path)
    assert code == 78
    assert "services.database.url: expected sqlite:///FILE" in told


def test_a_new_key_is_one() -> None:
    keys = {esb("key", "new")[1] for _ in range(3)}
    assert len(keys) == 3
    assert all(FERNET_KEY.fullmatch(key.removesuffix("\n")) for key in keys)


def test_a_lost_key_is_78_and_a_rekey_makes_it_needless(tmp_path: Path, database_url: str) -> None:
    esb("db", "upgrade", "-c", written(tmp_path, database_url, KEY))
    lost = written(tmp_path, database_url, OTHER_KEY)
    for command in ("upgrade", "rekey"):
        code, told = esb("db", command, "-c", lost)
        assert code == 78
        assert "put the key back with which they were encrypted" in told

    assert esb("db", "rekey", "-c", written(tmp_path, database_url, OTHER_KEY, KEY)) == (
        0,
        "0 secrets were encrypted with the first key; no other key is needed\n",
    )
    assert esb("db", "upgrade", "-c", written(tmp_path, database_url, OTHER_KEY))[0] == 0
    assert esb("db", "upgrade", "-c", written(tmp_path, database_url, KEY))[0] == 78


async def fill(url: str) -> None:
    row = {"at": 1, "actor": "cli:root", "via": "cli", "action": "app.create", "app": "shop"}
    async with open_database(url) as database, database.writing() as connection:
        await counted(connection)
        await connection.execute(insert(HISTORY).values(**row, before="{}", after="{}"))


@pytest.mark.parametrize("by", ["url", "file"])
def test_a_copy_goes_to_another_configuration_or_url(tmp_path: Path, database_url: str, by: str) -> None:
    source = f"sqlite:///{tmp_path}/source.db"
    asyncio.run(fill(source))
    path = written(tmp_path, source)
    other = written(tmp_path, database_url, name="other.yaml")

    code, told = esb("db", "copy", "-c", path, database_url if by == "url" else other)
    assert code == 0
    assert re.search(r"^history: 1$", told, re.MULTILINE)
    assert esb("db", "current", "-c", other)[0] == 0

    code, told = esb("db", "copy", "-c", path, other)
    assert (code, told) == (
        1,
        "Error: the database to copy into is not empty: there are rows in its table history\n",
    )


def test_a_copy_to_an_address_that_is_none_says_what_is_expected(tmp_path: Path) -> None:
    path = written(tmp_path, "sqlite:///esb.db")
    esb("db", "upgrade", "-c", path)
    code, told = esb("db", "copy", "-c", path, "oracle://esb:hunter2@db/esb")
    assert code == 2
    assert "expected sqlite:///FILE" in told
    assert "hunter2" not in told


def test_a_server_without_tables_is_not_served(tmp_path: Path, postgresql: DatabaseServer) -> None:
    path = written(tmp_path, postgresql.database())
    done = run("serve", "-c", path, "--port", "0", folder=tmp_path)
    assert (done.code, done.stderr) == (78, f"{path}:3: services.database: {NONE}")

"""Dumps that mariadb-dump and the client really write: their plan is that of the tables, whatever the options."""

import json
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from esb.cli.main import main
from tests.support.repository import ROOT
from tests.support.servers.databases import DatabaseServer

WRITTEN = ROOT / "tests" / "cli" / "bkpaas" / "old_esb" / "bk_paas.sql"
TABLES = ("paas_app", "esb_app_account", "esb_component_system", "esb_channel", "esb_app_component_perm")
MORE_TABLES = ("esb_function_controller", "esb_buffet_component", "esb_buffet_component_mapping")
TOKENS = ("esb_user_auth_token", "esb_wxmp_access_token")


class OldEsb:
    """A server with the tables of an old ESB."""

    def __init__(self, server: DatabaseServer) -> None:
        self._where = ("--no-defaults", f"--socket={server.folder / 'socket'}", "-u", "root")
        self._name = server.database().rpartition("/")[2]
        with WRITTEN.open("rb") as file:
            command = ("mariadb", *self._where, "--default-character-set=utf8mb4", self._name)
            subprocess.run(command, stdin=file, check=True, capture_output=True)

    def dump(self, *options: str) -> bytes:
        command = ("mariadb-dump", *self._where, *options, self._name)
        return subprocess.run(command, check=True, capture_output=True).stdout

    def batch(self, table: str) -> bytes:
        """Return a table as `mariadb --batch` writes it."""
        command = ("mariadb", *self._where, "--batch", "--default-character-set=utf8mb4", self._name)
        return subprocess.run((*command, "-e", f"SELECT * FROM {table}"), check=True, capture_output=True).stdout  # noqa: S608 - ours


@pytest.fixture
def old_esb(mariadb: DatabaseServer) -> OldEsb:
    return OldEsb(mariadb)


def plan(*files: Path | str) -> dict[str, Any]:
    """Return the plan, but for the names of the files."""
    done = CliRunner().invoke(main, ["import", "bkpaas", *map(str, files), "--format", "json"])
    assert done.exit_code == 1, done.stderr
    return {name: value for name, value in json.loads(done.stdout).items() if name != "files"}


@pytest.mark.parametrize(
    "options",
    [
        (),
        ("--skip-extended-insert", "--routines", "--triggers"),
        ("--complete-insert", "--no-create-info", "--skip-comments"),
        ("--compact", "--hex-blob", "--insert-ignore"),
        ("--replace", "--skip-quote-names", "--skip-add-locks"),
        ("--compatible=ansi", "--complete-insert"),
        ("--default-character-set=utf8mb4", "--single-transaction", "--order-by-primary"),
    ],
)
def test_a_dump_has_the_plan_of_its_tables(old_esb: OldEsb, tmp_path: Path, options: Sequence[str]) -> None:
    dump = tmp_path / "dump.sql"
    dump.write_bytes(old_esb.dump(*options))
    assert plan(dump) == plan(WRITTEN)


def test_tables_that_the_client_wrote_have_the_same_plan(old_esb: OldEsb, tmp_path: Path) -> None:
    for table in (*TABLES, *MORE_TABLES, *TOKENS):
        (tmp_path / f"{table}.tsv").write_bytes(old_esb.batch(table))
    assert plan(*sorted(tmp_path.iterdir())) == plan(WRITTEN)

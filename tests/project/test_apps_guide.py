"""docs/apps.md: everything that it tells to type is typed, in its order, and answers as it shows."""

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.support.documentation import blocks
from tests.support.guide import Shell, follow
from tests.support.processes.command_line import run

PAGE = "docs/apps.md"
LATER = ("esb call", "esb app use", "esb app list", "esb explain", "esb history --action impersonate")
"""Beginnings of commands about what comes a moment after the command before: a change, or the use of an app."""
CHAINED = """\
# esb.yaml
version: 1
server: {{port: 8080}}
middlewares: [{{use: app_auth}}, {{use: permission}}]
components: [{{path: /cmsi/get_msg_type/, use: cmsi_get_msg_type}}]
{services}"""


@pytest.fixture
def shell(tmp_path: Path) -> Iterator[Shell]:
    assert run("init", folder=tmp_path).code == 0
    (tmp_path / "secrets").mkdir()
    (tmp_path / "secrets" / "portal").write_text("a-secret-that-callers-have\n")
    with ExitStack() as servers:
        yield Shell(tmp_path, servers)


def test_what_the_page_tells_to_type_answers_as_it_shows(shell: Shell) -> None:
    follow(shell, blocks(PAGE, "bash", "console", "yaml"), LATER, secret_of="esb app create monitor")


def test_an_app_of_the_file_moves_into_the_database_by_the_steps_of_the_page(shell: Shell) -> None:
    (chain,) = (block.text for block in blocks(PAGE, "yaml") if "use: chain" in block.text)
    (shell.folder / "secrets" / "shop").write_text("secret-of-the-shop\n")
    (shell.folder / "secrets" / "operator").write_text("secret-of-operators\n")
    shell.type("esb key new > secrets/database_key")
    database = '  database: {url: "sqlite:///data/esb.db", encryption_keys: ["${file:secrets/database_key}"]}\n'
    shell.write(CHAINED.format(services=chain + database))
    shell.write('# shop.yaml\napps:\n  - {code: shop, components: ["cmsi.*"]}\n')
    entry = next(line for line in chain.splitlines(keepends=True) if "code: shop" in line)
    call = "esb call cmsi get_msg_type --app shop --secret secret-of-the-shop"

    def explained() -> str:
        return shell.type("esb explain --app shop --component cmsi.get_msg_type")[1]

    for command in ("esb check", "esb db upgrade", "esb serve", call, "esb apply -f shop.yaml"):
        assert shell.type(command)[0] == 0, command
    assert shell.type("esb app secret add shop --stdin < secrets/shop") == (0, "shop has the secret\n")
    assert "services.apps.config.backends[0].config.apps[1]" in explained()
    shell.write(CHAINED.format(services=chain.replace(entry, "") + database))
    shell.reload()

    assert shell.type(call)[0] == 0
    assert "app shop in the database" in explained()

"""docs/deliveries.md: what it tells to type until callbacks is typed, in its order, and answers as it shows."""

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.support.documentation import Block, blocks, text
from tests.support.guide import Shell, follow
from tests.support.processes.command_line import run

PAGE = "docs/deliveries.md"
LATER = ("esb call", "esb delivery list")
"""Beginnings of commands about what comes a moment after the command before: a gateway that starts, a delivery."""


@pytest.fixture
def shell(tmp_path: Path) -> Iterator[Shell]:
    assert run("init", folder=tmp_path).code == 0
    with ExitStack() as servers:
        yield Shell(tmp_path, servers)


def shown(*languages: str) -> list[Block]:
    """The blocks before those of callbacks, which have tests of their own."""
    end = text(PAGE).partition("\n## Callbacks\n")[0].count("\n")
    return [block for block in blocks(PAGE, *languages) if block.line < end]


def test_what_the_page_tells_to_type_answers_as_it_shows(shell: Shell) -> None:
    follow(shell, shown("bash", "console", "yaml"), LATER)


def test_the_configuration_with_processes_that_deliver_is_sound(tmp_path: Path) -> None:
    (config,) = (block.text for block in shown("yaml") if block.text.startswith("services:"))
    (tmp_path / "secrets").mkdir()
    for key in ("database_key", "store_key"):
        (tmp_path / "secrets" / key).write_text(run("key", "new", folder=tmp_path).stdout)
    (tmp_path / "esb.yaml").write_text(
        f"version: 1\n{config}components: [{{path: /cmsi/get_msg_type/, use: cmsi_get_msg_type}}]\n"
    )
    done = run("check", folder=tmp_path, PGPASSWORD="a-password", REDIS_PASSWORD="another-password")
    assert done.code == 0, done.stdout

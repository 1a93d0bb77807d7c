"""The mistakes that operators make, as files of tests/configs; beside each stands what `esb check` says of it."""

import re
from pathlib import Path

import pytest
from click.testing import CliRunner

from esb.cli.main import main
from tests.support.repository import BAD_CONFIGS, BAD_ENVIRON

NO_PLUGIN = re.compile(r"unknown plugin '[xy]'")
"""The plugin of those files in which no plugin matters."""


def checked(path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[int, list[str]]:
    monkeypatch.chdir(path.parent)
    done = CliRunner().invoke(main, ["check", "-c", path.name], env=BAD_ENVIRON)
    return done.exit_code, [line for line in done.output.splitlines() if not NO_PLUGIN.search(line)]


@pytest.mark.parametrize("path", sorted(BAD_CONFIGS.glob("*.yaml")), ids=lambda path: path.stem)
def test_check_says_of_each_wrong_file_what_stands_beside_it(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    code, said = checked(path, monkeypatch)
    assert said == path.with_suffix(".txt").read_text(encoding="utf-8").splitlines()
    assert code == 1
    assert BAD_ENVIRON["PASSWORD"] not in "".join(said)

"""The mistakes that operators make, as files of tests/configs; beside each stands what `esb check` says of it."""

import re
from pathlib import Path

import pytest
from click.testing import CliRunner

from esb.cli.main import main
from esb.introspect.audit import RULES
from tests.support.repository import BAD_CONFIGS, BAD_ENVIRON, ROOT, WARNED_CONFIGS

RULE = re.compile(r": (W\d+): ")
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
    assert_nothing_secret(said)


@pytest.mark.parametrize("path", sorted(WARNED_CONFIGS.glob("*.yaml")), ids=lambda path: path.stem)
def test_check_warns_of_each_file_as_it_stands_beside_it(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    code, said = checked(path, monkeypatch)
    assert said == path.with_suffix(".txt").read_text(encoding="utf-8").splitlines()
    assert code == 0
    assert_nothing_secret(said)


def assert_nothing_secret(said: list[str]) -> None:
    assert not any(BAD_ENVIRON[name] in line for line in said for name in ("PASSWORD", "SECRET", "KEY"))


def test_each_rule_has_a_file_that_shows_it() -> None:
    shown = {found for path in WARNED_CONFIGS.glob("*.txt") for found in RULE.findall(path.read_text(encoding="utf-8"))}
    assert shown == {rule.id for rule in RULES}


@pytest.mark.parametrize("path", ["conf/esb.yaml", "deploy/docker/esb.yaml"])
def test_what_comes_with_the_gateway_is_warned_of_as_written_down(path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The default is a demo. A deployment has no warning of high severity."""
    monkeypatch.chdir(ROOT)
    done = CliRunner().invoke(main, ["check", "--placeholders", "-c", path], env={"ESB_DEMO_SECRET": None})
    said = WARNED_CONFIGS / "shipped" / f"{path.replace('/', '_')}.txt"
    assert done.output.splitlines() == said.read_text(encoding="utf-8").splitlines()
    if path.startswith("deploy"):
        assert not set(RULE.findall(done.output)) & {rule.id for rule in RULES if rule.severity == "high"}


@pytest.mark.parametrize("page", ["docs/warnings.md", "docs/warnings.zh-CN.md"])
def test_each_rule_has_a_section_of_its_own_on_the_page(page: str) -> None:
    severities = dict(zip(("high", "medium", "low"), ("高", "中", "低"), strict=True)) if "zh" in page else {}
    sections = re.findall(r"^### (W\d+)\n\n\*(\w+)\*", (ROOT / page).read_text(encoding="utf-8"), re.MULTILINE)
    assert sorted(sections) == [(rule.id, severities.get(rule.severity, rule.severity)) for rule in RULES]


def test_no_two_rules_have_one_id() -> None:
    assert len({rule.id for rule in RULES}) == len(RULES)
    assert all(rule.text and rule.fix for rule in RULES)

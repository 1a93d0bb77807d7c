"""docs/security.md: each attack of its table names a command, and each command runs a test that is there."""

import re

import pytest

from tests.support.documentation import text
from tests.support.engines import needs_httptools
from tests.support.processes.interpreter import python
from tests.support.repository import ROOT

PAGES = ("docs/security.md", "docs/security.zh-CN.md")
COMMAND = re.compile(r"`make test PYTEST=\"(tests/\S+\.py) -k '([^']+)'\"`")
ACTORS = 10
ATTACKS = 45


def commands(page: str) -> list[tuple[str, str]]:
    return COMMAND.findall(text(page))


def named(page: str) -> set[str]:
    return set(re.findall(r"tests/[\w/]+\.py", text(page)))


def collected() -> list[str]:
    """Return the ids of the tests in all files that are named."""
    files = sorted(file for file in named(PAGES[0]) if (ROOT / file).exists())
    done = python("-m", "pytest", "--collect-only", "-p", "no:cacheprovider", *files, folder=ROOT)
    assert done.returncode == 0, done.stdout
    return done.stdout.splitlines()


def chosen(identifier: str, expression: str) -> bool:
    """Return True if `-k` with this expression chooses a test; only "or" and "and" are known."""
    name = identifier.lower()
    return any(all(word.strip().lower() in name for word in every.split(" and ")) for every in expression.split(" or "))


def missing(known: list[str]) -> set[str]:
    """Return the commands that run none of these tests."""
    return {
        f"{file} -k '{expression}'"
        for file, expression in commands(PAGES[0])
        if not any(test.startswith(f"{file}::") and chosen(test, expression) for test in known)
    }


@needs_httptools  # some of these tests are of that engine
def test_every_attack_is_repeated_by_a_test_that_is_there(request: pytest.FixtureRequest) -> None:
    run_now = [item.nodeid for item in request.session.items]
    assert not missing(run_now) or missing(collected()) == set()


def test_every_file_of_tests_that_is_named_is_there() -> None:
    assert {file for file in named(PAGES[0]) if not (ROOT / file).exists()} == set()


def test_every_row_of_attacks_has_its_command() -> None:
    for page in PAGES:
        table = text(page).partition("\n| --- | --- | --- | --- |\n")[2].partition("\n\n")[0].splitlines()
        rows = [row for row in table if not row.startswith("| **")]
        assert len(rows) >= ATTACKS
        assert [row for row in rows if not COMMAND.search(row)] == []
    assert commands(PAGES[0]) == commands(PAGES[1])


def test_every_actor_has_a_row_and_tests_that_hold_it() -> None:
    for page in PAGES:
        table = text(page).partition("\n| --- | --- | --- | --- | --- |\n")[2].partition("\n\n")[0].splitlines()
        assert len(table) == ACTORS
        assert all("`tests/" in row for row in table)


def test_it_says_how_to_report_a_hole() -> None:
    assert "](docs/security.md)" in text("SECURITY.md")
    for page in PAGES:
        assert "](../SECURITY.md)" in text(page)
    for page, link in (("README.md", "](docs/security.md)"), ("README.zh-CN.md", "](docs/security.zh-CN.md)")):
        assert link in text(page)

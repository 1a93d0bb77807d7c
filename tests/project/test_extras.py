"""The wheel without extras: every command works, or says in a line which extra it needs."""

from collections.abc import Iterator
from importlib.metadata import distribution, packages_distributions
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.support.processes.interpreter import Done, python
from tests.support.repository import ROOT

WITHOUT_EXTRAS = ROOT / "tests" / "support" / "without_extras"
GATEWAY = "esb-gateway"


def required(name: str, extras: frozenset[str], seen: set[tuple[str, frozenset[str]]]) -> Iterator[str]:
    """Yield a distribution, and all that it needs with these extras."""
    if (name, extras) in seen:
        return
    seen.add((name, extras))
    yield name
    for line in distribution(name).requires or ():
        each = Requirement(line)
        if each.marker is None or any(each.marker.evaluate({"extra": extra}) for extra in (extras or {""})):
            yield from required(canonicalize_name(each.name), frozenset(each.extras), seen)


@pytest.fixture(scope="module")
def hidden() -> str:
    """The modules that the wheel does not bring: those of no distribution that it needs."""
    there = set(required(GATEWAY, frozenset(), set()))
    brought = ((name, {canonicalize_name(each) for each in by}) for name, by in packages_distributions().items())
    return ",".join(sorted(name for name, by in brought if not there & by))


def bare(hidden: str, *arguments: str, folder: Path) -> Done:
    """`python ARGUMENTS` where nothing but the wheel is installed."""
    path = f"{WITHOUT_EXTRAS}:{ROOT}"
    return python("-W", "error", *arguments, folder=folder, PYTHONPATH=path, HIDDEN_MODULES=hidden)


def test_what_an_extra_brings_is_hidden_and_nothing_else(hidden: str, tmp_path: Path) -> None:
    assert {"cryptography", "jwt", "opentelemetry", "pytest", "redis", "sqlalchemy", "watchfiles"} <= set(
        hidden.split(",")
    )
    assert not {"aiohttp", "click", "esb", "pydantic", "structlog", "yaml"} & set(hidden.split(","))
    assert bare(hidden, "-c", "import redis", folder=tmp_path).stderr.endswith("No module named 'redis'\n")


def test_init_names_the_extras_that_dev_needs(hidden: str, tmp_path: Path) -> None:
    done = bare(hidden, "-m", "esb", "init", "mine", folder=tmp_path)
    assert "\n  esb dev  # after pip install 'esb-gateway[portal,watch]'\n" in done.stdout, done.stderr
    some = ",".join({*hidden.split(",")} - {"jinja2", "markupsafe"})
    assert "'esb-gateway[watch]'\n" in bare(some, "-m", "esb", "init", "another", folder=tmp_path).stdout


def test_every_command_works_or_says_what_it_needs(hidden: str, tmp_path: Path) -> None:
    """As `make test-extras` tries it in virtual environments, with each extra alone too."""
    done = bare(hidden, str(ROOT / ".ci" / "smoke.py"), folder=tmp_path)
    assert done.stdout == "no extra: every command works or says what it needs\n", done.stdout + done.stderr

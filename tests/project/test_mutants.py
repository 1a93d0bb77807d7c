"""A few mutants of one small module, so that `make mutants` keeps working; and no explanation outlives its mutant."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

from tests.project.mutants.mutations import Mutant, mutants
from tests.project.mutants.survivors import Survivor, load
from tests.project.mutants.targets import modules
from tests.support.repository import ROOT

SMALL = '''"""A module."""


def is_adult(age: int) -> bool:
    """Return whether this is 18 or more."""
    return age >= 18
'''
ITS_TEST = """from small import is_adult


def test_adults() -> None:
    assert is_adult(18)
    assert not is_adult(3)
"""
TRIED = """
from pathlib import Path
from tests.project.mutants.__main__ import drawn, tried
from tests.project.mutants.targets import Target

target = Target(("small.py",), ("test_small.py",))
for mutant, outcome in tried(Path({root!r}), drawn(Path({root!r}), [target], [], "*", 1, 100), 2):
    print("noticed" if outcome.noticed else "survived", mutant.after)
"""


PLUGINS = "[pytest]\naddopts = -p no:schemathesis -p no:hypothesispytest -p no:esb\n"
"""What its pytest does without: to load it takes longer than all of the tests."""


def changes(source: str) -> set[str]:
    return {mutant.after for mutant in mutants("a.py", source)}


def test_a_bug_that_no_test_notices_survives(tmp_path: Path) -> None:
    (tmp_path / "small.py").write_text(SMALL)
    (tmp_path / "test_small.py").write_text(ITS_TEST)
    (tmp_path / "pytest.ini").write_text(PLUGINS)
    command = [sys.executable, "-c", TRIED.format(root=str(tmp_path))]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120, check=False)
    assert sorted(done.stdout.splitlines()) == [
        "noticed return (age < 18)",
        "noticed return (age > 18)",
        "noticed return None",
        "noticed return age >= 19",
        "survived return age >= 17",
    ], done.stderr


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("a = b and not c", {"a = (b or not c)", "a = (not c)", "a = b", "a = b and c"}),
        ("f(1.5, x=True)", {"pass", "f(1.5, x=False)", "f(1.5)"}),
        ("def f():\n    return 1.5", {"return None", "return 2.5"}),
        ("a: int = Field(7, description=b)", {"a: int = Field(8, description=b)", "a: int = Field(6, description=b)"}),
        ("f(a, b)", {"pass", "f(b, a)"}),
        ("a.b = c.lower()", {"pass", "a.b = c"}),
        ("try:\n    f()\nexcept E:\n    a = min(b)", {"pass", "raise", "a = max(b)"}),
        ("with suppress(E):\n    a += 'key'", {"with suppress():", "pass", "a += 'keyx'"}),
        ("if a:\n    raise E", {"if (not (a)):", "pass"}),
        ('"""A text."""\na: Literal["b"] = "a text"\n', set()),
        ("a = 1  # pragma: no cover\n", set()),
        ("PAUSES = (1, 2 * 60)\nMOST = 1\n", {"MOST = 2", "MOST = 0"}),
        ("try:\n    f()\nexcept E:  # pragma: no cover\n    a = 1", {"pass"}),
    ],
)
def test_a_mutant_is_one_small_change(source: str, expected: set[str]) -> None:
    assert changes(source) == expected


def test_a_pattern_that_no_target_names_is_said_to_match_nothing() -> None:
    command = [sys.executable, "-m", "tests.project.mutants", "--seed", "1", "--only", "esb/cli/*"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("Error: there are no mutants of esb/cli/*: expected a pattern of modules that")


def test_a_mutant_is_known_by_its_place_and_its_lines() -> None:
    (mutant,) = mutants("a.py", "class A:\n    def f(self):\n        x = '你' + y\n")
    assert (mutant.line, mutant.scope, mutant.operator) == (3, "A.f", "arithmetic")
    assert (mutant.before, mutant.after) == ("x = '你' + y", "x = ('你' - y)")
    pattern = Survivor("a.py", "accepted", "why not", before="x = * + y")
    assert pattern.matches(mutant)
    assert not Survivor("b.py", "accepted", "why not").matches(mutant)
    with pytest.raises(ValueError, match="reason"):
        Survivor("a.py", "accepted", "")


@pytest.fixture(scope="module")
def all_mutants() -> list[Mutant]:
    return [mutant for file in modules(ROOT) for mutant in mutants(file, (ROOT / file).read_text())]


def test_each_mutant_is_python_that_differs(all_mutants: list[Mutant]) -> None:
    assert len(all_mutants) > 5000
    for mutant in all_mutants[::100]:
        assert ast.dump(ast.parse(mutant.source)) != ast.dump(ast.parse(mutant.original)), mutant


def test_every_explanation_is_of_a_mutant_that_there_is(all_mutants: list[Mutant]) -> None:
    unused = [
        survivor
        for survivor in load()
        if not any(survivor.matches(mutant) for mutant in all_mutants if mutant.file == survivor.file)
    ]
    assert unused == []

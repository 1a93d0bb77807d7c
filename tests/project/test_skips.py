"""A test that is skipped is no failure at home, and one where CI has to show that all of them pass."""

from pathlib import Path

import pytest

from tests.support.processes.interpreter import pytest_of
from tests.support.repository import ROOT

SKIPPED = "import pytest\n\ndef test_it():\n    pytest.skip('nothing to test it with')\n"
PASSED = "def test_it():\n    pass\n"


@pytest.mark.parametrize(
    ("test", "ci", "code"), [(SKIPPED, "", 0), (SKIPPED, "true", 1), (PASSED, "true", 0)], ids=["home", "CI", "passed"]
)
def test_ci_fails_if_a_test_is_skipped(tmp_path: Path, test: str, ci: str, code: int) -> None:
    (tmp_path / "test_it.py").write_text(test)
    done = pytest_of(tmp_path, "-p", "tests.conftest", CI=ci, PYTHONPATH=str(ROOT))
    assert done.returncode == code, done.stdout

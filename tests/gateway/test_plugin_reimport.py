"""Plugins beside esb.yaml, imported anew."""

import importlib
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from esb.gateway.plugin_reimport import reimported


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder on the import path; nothing of it is left imported."""
    monkeypatch.syspath_prepend(str(tmp_path))
    known = set(sys.modules)
    yield tmp_path
    for name in set(sys.modules) - known:
        if str(tmp_path) in str(sys.modules[name]):
            del sys.modules[name]


def write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def reimport(folder: Path, *names: str) -> None:
    with reimported(folder):
        for name in names:
            importlib.import_module(name)


def test_an_edited_module_is_another(folder: Path) -> None:
    write(folder / "channel_one.py", "WORD = 'one'")
    old = importlib.import_module("channel_one")
    write(folder / "channel_one.py", "WORD = 'two'")  # as long as before, in the same second
    with reimported(folder):
        assert importlib.import_module("channel_one").WORD == "two"
    assert sys.modules["channel_one"] is not old
    assert old.WORD == "one"


def test_an_edit_of_what_a_plugin_imports_counts_too(folder: Path) -> None:
    write(folder / "robots" / "words.py", "WORD = 'one'")
    write(folder / "robots" / "robot.py", "from robots.words import WORD")
    importlib.import_module("robots.robot")
    write(folder / "robots" / "words.py", "WORD = 'two'")
    with reimported(folder):
        assert importlib.import_module("robots.robot").WORD == "two"


def test_a_broken_edit_leaves_the_old_objects(folder: Path) -> None:
    write(folder / "lamps" / "first.py", "WORD = 'one'")
    write(folder / "lamps" / "second.py", "WORD = 'one'")
    old = [importlib.import_module(name) for name in ("lamps", "lamps.first", "lamps.second")]
    write(folder / "lamps" / "first.py", "WORD = 'two'")
    write(folder / "lamps" / "second.py", "WORD = (")
    with pytest.raises(SyntaxError):
        reimport(folder, "lamps.first", "lamps.second")
    assert [sys.modules[name] for name in ("lamps", "lamps.first", "lamps.second")] == old
    assert importlib.import_module("lamps").first.WORD == "one"


def test_a_new_module_of_a_broken_edit_is_forgotten(folder: Path) -> None:
    write(folder / "newcomer.py", "")
    with pytest.raises(ModuleNotFoundError):
        reimport(folder, "newcomer", "missing")
    assert "newcomer" not in sys.modules


@pytest.mark.parametrize("place", [".venv/lib/python3/site-packages", "lib/dist-packages"])
def test_what_pip_installed_stays_even_in_this_folder(
    folder: Path, place: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(folder / place / "installed_thing.py", "")
    monkeypatch.syspath_prepend(str(folder / place))
    old = importlib.import_module("installed_thing")
    with reimported(folder):
        assert importlib.import_module("installed_thing") is old


def test_the_gateway_itself_stays_even_in_this_folder() -> None:
    import_before = sys.modules["esb.gateway.app"], sys.modules["esb"]
    with reimported(Path(sys.modules["esb"].__path__[0]).parent / "esb"):
        assert (sys.modules["esb.gateway.app"], sys.modules["esb"]) == import_before


def test_modules_of_other_folders_stay(folder: Path) -> None:
    before = dict(sys.modules)
    with reimported(folder):
        assert dict(sys.modules) == before

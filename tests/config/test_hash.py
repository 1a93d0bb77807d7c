"""The hash of a configuration: the same for the same files, whatever `${…}` in them stands for."""

from pathlib import Path

from esb.config import load

CONFIG = "version: 1\ninclude: [more.yaml]\nserver: {host: '${HOST:-127.0.0.1}'}\ncomponents: []\n"


def written(folder: Path, config: str = CONFIG, more: str = "components: []\n") -> Path:
    folder.mkdir()
    (folder / "esb.yaml").write_text(config)
    (folder / "more.yaml").write_text(more)
    return folder / "esb.yaml"


def test_the_same_files_have_the_same_hash_wherever_they_lie(tmp_path: Path) -> None:
    one, other = load(written(tmp_path / "a"), {}), load(written(tmp_path / "b"), {"HOST": "127.0.0.2"})
    assert one.hash == other.hash
    assert len(one.hash) == 16


def test_a_change_of_any_file_changes_it(tmp_path: Path) -> None:
    config = load(written(tmp_path / "a"), {})
    changed = load(written(tmp_path / "b", f"{CONFIG}# changed\n"), {})
    included = load(written(tmp_path / "c", more="components: []\n\n"), {})
    assert len({config.hash, changed.hash, included.hash}) == 3

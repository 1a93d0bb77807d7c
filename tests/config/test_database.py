"""The stanza of the database: which addresses are sound, and what is said of the others."""

from pathlib import Path

import pytest

from esb.config import load
from esb.config.database import EXPECTED, OWN_DRIVERS
from tests.support.servers.databases import KEY, OTHER_KEY

NO_QUERY = "expected after the ? at most tls=verify (or require, off), ca=FILE and socket=FILE"


def written(folder: Path, url: str, keys: str = f'["{KEY}"]') -> Path:
    path = folder / "esb.yaml"
    database = f"  database:\n    url: '{url}'\n    encryption_keys: {keys}\n"
    path.write_text(f"version: 1\nservices:\n{database}components: []\n")
    return path


@pytest.mark.parametrize(
    "url",
    [
        "sqlite:///esb.db",
        "sqlite:///data/my file.db",
        "sqlite:////var/lib/esb/esb.db",
        "postgresql://esb:pass%2Fword@db.example.com/esb",
        "postgresql://db/esb?tls=verify&ca=certs/ca.pem",
        "postgresql://esb@/esb?socket=/run/postgresql/.s.PGSQL.5432",
        "mysql://esb:p%40ss@127.0.0.1:3307/esb?tls=require",
        "mysql://esb@[::1]/esb",
    ],
)
def test_an_address_is_taken(tmp_path: Path, url: str) -> None:
    config = load(written(tmp_path, url), {})
    assert config.mistakes == []
    assert config.database is not None
    assert config.database.url.get_secret_value() == url
    assert "database" not in config.services


@pytest.mark.parametrize(
    ("url", "text"),
    [
        ("oracle://db/esb", EXPECTED),
        ("esb.db", EXPECTED),
        ("postgresql+asyncpg://db/esb", OWN_DRIVERS),
        ("mysql+pymysql://db/esb", OWN_DRIVERS),
        ("sqlite://esb.db", f"{EXPECTED}; a file, without ?"),
        ("sqlite:///", f"{EXPECTED}; a file, without ?"),
        ("sqlite:///:memory:", f"{EXPECTED}; a file, without ?"),
        ("sqlite:///esb.db?mode=ro", f"{EXPECTED}; a file, without ?"),
        ("postgresql://db", EXPECTED),
        ("postgresql://db/", EXPECTED),
        ("postgresql://db/a/b", EXPECTED),
        ("postgresql://db:0/esb", EXPECTED),
        ("postgresql://db:port/esb", EXPECTED),
        ("mysql://a host/esb", EXPECTED),
        ("mysql://db/esb#x", EXPECTED),
        ("mysql://db/esb?charset=latin1", NO_QUERY),
        ("mysql://db/esb?tls=yes", NO_QUERY),
        ("mysql://db/esb?tls=off&tls=verify", NO_QUERY),
    ],
)
def test_an_address_is_refused_and_not_repeated(tmp_path: Path, url: str, text: str) -> None:
    (mistake,) = load(written(tmp_path, url), {}).mistakes
    assert (mistake.line, mistake.key, mistake.text) == (4, "services.database.url", text)


@pytest.mark.parametrize(
    ("keys", "key", "text"),
    [
        ("[]", "services.database.encryption_keys", "1"),
        ("[hunter2]", "services.database.encryption_keys[0]", "as `esb key new` prints one"),
        (f'["{KEY}", "{OTHER_KEY[:-1]}"]', "services.database.encryption_keys[1]", "as `esb key new` prints one"),
    ],
)
def test_a_key_that_is_none_is_refused(tmp_path: Path, keys: str, key: str, text: str) -> None:
    (mistake,) = load(written(tmp_path, "sqlite:///esb.db", keys), {}).mistakes
    assert mistake.key == key
    assert text in mistake.text
    assert "hunter2" not in mistake.text


def test_nothing_of_it_is_printed(tmp_path: Path) -> None:
    config = load(written(tmp_path, "postgresql://esb:hunter2@db/esb"), {})
    assert not {"hunter2", KEY} & {*repr(config).replace("'", " ").split()}
    assert "hunter2" not in repr(config)


def test_placeholders_stand_for_what_is_not_there(tmp_path: Path) -> None:
    path = written(tmp_path, "${DB}", '["${KEY}"]')
    assert len(load(path, {}).mistakes) == 2
    assert load(path, {}, placeholders=True).mistakes == []


def test_left_out_there_is_none(tmp_path: Path) -> None:
    path = tmp_path / "esb.yaml"
    path.write_text("version: 1\nservices: {}\ncomponents: []\n")
    assert load(path, {}).database is None

"""The keyspaces of the store: each has a word of its own, and nobody writes that word but `keyspaces`."""

import re
from pathlib import Path

import esb
from esb.store import keyspaces

WORDS = {name: word for name, word in vars(keyspaces).items() if name.isupper() and isinstance(word, str)}


def test_each_keyspace_has_a_word_of_its_own() -> None:
    assert len(set(WORDS.values())) == len(WORDS)
    assert all(re.fullmatch("[a-z]+", word) for word in WORDS.values())


def test_published_are_keyspaces() -> None:
    assert {prefix.rstrip(":") for prefix in keyspaces.PUBLISHED} <= set(WORDS.values())


def test_who_makes_a_key_begins_it_with_a_name_of_its_keyspace() -> None:
    written = re.compile(rf"""["']({"|".join(WORDS.values())}):""")
    paths = [path for path in Path(esb.__file__).parent.rglob("*.py") if path.name != "keyspaces.py"]
    assert len(paths) > 100
    assert [path.name for path in paths if written.search(path.read_text())] == []


def test_a_share_is_one_apps_in_one_keyspace_whatever_its_code() -> None:
    codes = ["a", "a:b", "a%3Ab", "", ":"]
    shares = [
        keyspaces.share_of(keyspaces.key_of(space, code, "c:d")) for space in ("nonce", "idempotency") for code in codes
    ]
    assert len(set(shares)) == len(shares)
    assert keyspaces.share_of("token:mp:wx1:digest") == ""


def test_no_word_changes_since_keys_outlive_the_version_that_wrote_them() -> None:
    # A changed word would let a nonce be used again, and send a remembered message twice.
    assert WORDS == {
        "NONCE": "nonce",
        "IDEMPOTENCY": "idempotency",
        "RATE": "rate",
        "PACE": "pace",
        "QUOTA_GATE": "gate",
        "TOKEN": "token",
        "FETCHING": "fetching",
        "AHEAD": "ahead",
        "REFUSED": "refused",
        "REPLACED": "replaced",
        "PROVEN": "proven",
        "FAILURES": "failures",
        "SHARE": "share",
    }


def test_a_key_names_its_keyspace_its_app_and_the_rest() -> None:
    assert keyspaces.key_of("nonce", "a:b%", "c:d") == "nonce:a%3Ab%25:c:d"
    assert keyspaces.share_of("nonce:a%3Ab%25:c:d") == "nonce:a%3Ab%25"
    assert keyspaces.share_of("idempotency:a:b") == "idempotency:a"
    assert keyspaces.share_of("rate:a:b") == ""

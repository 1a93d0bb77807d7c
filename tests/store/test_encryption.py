"""Encryption of stored values: each can be read in its own place alone, by every key that is not yet retired."""

import pytest
from cryptography.fernet import Fernet

from esb.store.encryption import ValueCipher
from esb.testing.redis_server import KEY
from tests.support.servers.redis_server import OTHER_KEY


def test_a_value_is_read_in_its_place_and_in_no_other() -> None:
    cipher = ValueCipher([KEY])
    encrypted = cipher.encrypt(b"value", "here")
    assert b"value" not in encrypted
    assert cipher.decrypt(encrypted, "here") == b"value"
    assert cipher.decrypt(encrypted, "there") is None


def test_every_key_reads_and_the_first_one_writes() -> None:
    old, both, new = ValueCipher([KEY]), ValueCipher([OTHER_KEY, KEY]), ValueCipher([OTHER_KEY])
    assert both.decrypt(old.encrypt(b"old", "a"), "a") == b"old"
    assert new.decrypt(both.encrypt(b"new", "a"), "a") == b"new"
    assert new.decrypt(old.encrypt(b"old", "a"), "a") is None


@pytest.mark.parametrize(
    "raw", [b"", b"value", pytest.param(Fernet(KEY).encrypt(b"as it was before places counted"), id="without a place")]
)
def test_what_was_not_encrypted_for_a_place_is_nothing(raw: bytes) -> None:
    assert ValueCipher([KEY]).decrypt(raw, "here") is None


def test_what_is_no_key_is_refused() -> None:
    with pytest.raises(ValueError, match="Fernet key"):
        ValueCipher([KEY, "no key"])


def test_a_place_may_hold_what_is_no_whole_character() -> None:
    cipher = ValueCipher([KEY])
    assert cipher.decrypt(cipher.encrypt(b"value", "half \ud83d"), "half \ud83d") == b"value"

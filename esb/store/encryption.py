"""Encryption of the values in a store that others may read; its keys can be rotated."""

from collections.abc import Sequence

from cryptography.fernet import Fernet, InvalidToken, MultiFernet


class ValueCipher:
    """Fernet keys: the first one encrypts, all of them decrypt."""

    def __init__(self, keys: Sequence[str]) -> None:
        """Take the keys. ValueError if one of them is no Fernet key."""
        self._fernet = MultiFernet([Fernet(key) for key in keys])

    def encrypt(self, value: bytes) -> bytes:
        return self._fernet.encrypt(value)

    def decrypt(self, encrypted: bytes) -> bytes | None:
        """Return the value; None if it was encrypted with none of the keys."""
        try:
            return self._fernet.decrypt(encrypted)
        except InvalidToken:
            return None

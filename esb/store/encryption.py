"""Encryption of the values in a store that others may read or write; its keys can be rotated."""

import hmac
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Sequence

from cryptography.fernet import Fernet, InvalidToken


class ValueCipher:
    """Fernet keys: the first one encrypts, all of them decrypt.

    Each value is encrypted with a key of its own, derived from a Fernet key and from the place where the value lies:
    copied to another place, it cannot be decrypted. HMAC derives it, as in NIST SP 800-108.
    """

    def __init__(self, keys: Sequence[str]) -> None:
        """Take the keys. ValueError if one of them is no Fernet key."""
        for key in keys:
            Fernet(key)
        self._keys = [urlsafe_b64decode(key) for key in keys]

    def encrypt(self, value: bytes, place: str) -> bytes:
        return _derived(self._keys[0], place).encrypt(value)

    def decrypt(self, encrypted: bytes, place: str) -> bytes | None:
        """Return the value; None if it was encrypted with none of the keys, or for another place."""
        for key in self._keys:
            try:
                return _derived(key, place).decrypt(encrypted)
            except InvalidToken:
                continue
        return None


def _derived(key: bytes, place: str) -> Fernet:
    return Fernet(urlsafe_b64encode(hmac.digest(key, place.encode("utf-8", "surrogatepass"), "sha256")))

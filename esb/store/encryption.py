"""Values as they lie in a store that others may read: encrypted, by keys that can be changed."""

from collections.abc import Sequence

from cryptography.fernet import Fernet, InvalidToken, MultiFernet


class Seal:
    """The first key encrypts, all of them decrypt."""

    def __init__(self, keys: Sequence[str]) -> None:
        """ValueError if one of them is no Fernet key."""
        self._fernet = MultiFernet([Fernet(key) for key in keys])

    def close(self, value: bytes) -> bytes:
        return self._fernet.encrypt(value)

    def open(self, sealed: bytes) -> bytes | None:
        """What was sealed; None if none of the keys did it."""
        try:
            return self._fernet.decrypt(sealed)
        except InvalidToken:
            return None

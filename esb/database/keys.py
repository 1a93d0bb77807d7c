"""Encryption of what the database keeps secret, and the digest by which a secret is found.

The keys are the operator's. The key of digests is the database's own: drawn once, and kept encrypted.
"""

import hmac
from base64 import urlsafe_b64decode
from collections.abc import Sequence

from cryptography.fernet import Fernet
from sqlalchemy import Column, String, Table

from esb.database.metadata import METADATA, Sealed
from esb.store.encryption import ValueCipher

DATABASE_KEY = Table(
    "database_key",
    METADATA,
    Column("name", String(32), primary_key=True),  # digest
    Column("sealed", Sealed, nullable=False),
)
DIGEST_PLACE = "database_key/digest"


class DatabaseKeys:
    """The keys of one database: operators' keys, of which the first encrypts, and the key of its digests."""

    def __init__(self, cipher: ValueCipher, digest_key: bytes) -> None:
        self._cipher = cipher
        self._digest_key = digest_key

    def seal(self, secret: str, app: str) -> bytes:
        """Return this secret encrypted; it can be had back for this app only."""
        return self._cipher.encrypt(secret.encode(), f"app_secret/{app}")

    def unseal(self, sealed: bytes, app: str) -> str | None:
        """Return the secret of this app; None if none of the keys has encrypted it."""
        secret = self._cipher.decrypt(sealed, f"app_secret/{app}")
        return None if secret is None else secret.decode()

    def digest(self, app: str, secret: str) -> str:
        """Return the digest by which this secret of this app is found, in hexadecimal."""
        message = b"\0".join((app.encode("utf-8", "surrogatepass"), secret.encode("utf-8", "surrogatepass")))
        return hmac.digest(self._digest_key, message, "sha256").hex()


def cipher(keys: Sequence[str]) -> ValueCipher:
    """Return what encrypts with the first of these Fernet keys and decrypts with all. ValueError if one is none."""
    return ValueCipher(keys)


def new_digest_key() -> bytes:
    """Return a new key for digests."""
    return urlsafe_b64decode(Fernet.generate_key())

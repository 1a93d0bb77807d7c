"""Encryption of what the database keeps secret, and the digest by which a secret is found.

The keys are the operator's. The key of digests is the database's own: drawn once, and kept encrypted. Beside it lies a
proof of each key that has encrypted a secret: a gateway without one of them would find out at some call only.
"""

import hashlib
import hmac
import time
from base64 import urlsafe_b64decode
from collections.abc import Mapping, Sequence
from contextlib import suppress

from cryptography.fernet import Fernet
from sqlalchemy import Column, String, Table, delete, insert, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from esb.core.messages import template
from esb.database.content_cipher import ContentCipher
from esb.database.metadata import METADATA, Sealed
from esb.database.schema import UPGRADE, DatabaseMismatch
from esb.store.encryption import ValueCipher

DATABASE_KEY = Table(
    "database_key",
    METADATA,
    Column("name", String(32), primary_key=True),  # digest, or the proof of a key
    Column("sealed", Sealed, nullable=False),
)
DIGEST = "digest"
PROOF = "proof/"
PROVED = b"a secret here was encrypted with this key"
FINGERPRINT_DIGITS = 16
PROVEN_SECONDS = 10.0
"""The time for which nobody looks again whether the proof of a key is there."""
LOST = template(
    "the database keeps secrets that none of services.database.encryption_keys decrypts: put the key back with which "
    "they were encrypted, and run `esb db rekey` before you take it away"
)


class DatabaseKeys:
    """The keys of one database: operators' keys, of which the first encrypts, and the key of its digests."""

    def __init__(self, keys: Sequence[str], digest_key: bytes) -> None:
        self._cipher = ValueCipher(keys)
        self._first = ValueCipher(keys[:1])
        self._content_cipher = ContentCipher(keys)
        self._first_content_cipher = ContentCipher(keys[:1])
        self._keys = keys
        self._digest_key = digest_key
        self._proven_until = 0.0
        self.sealed = False
        """True if a secret was encrypted since this was last set to False: then the database needs the key's proof."""

    def seal(self, secret: str, app: str) -> bytes:
        """Return this secret encrypted; it can be had back for this app only."""
        self.sealed = True
        return self._cipher.encrypt(secret.encode(), _place(app))

    def unseal(self, sealed: bytes, app: str) -> str | None:
        """Return the secret of this app; None if none of the keys has encrypted it."""
        secret = self._cipher.decrypt(sealed, _place(app))
        return None if secret is None else secret.decode()

    def resealed(self, sealed: bytes, app: str) -> bytes | None:
        """Return the secret encrypted with the first key; None if it is already. DatabaseMismatch if no key fits."""
        if self._first.decrypt(sealed, _place(app)) is not None:
            return None
        secret = self.unseal(sealed, app)
        if secret is None:
            raise DatabaseMismatch(LOST)
        return self.seal(secret, app)

    def resealed_at(self, place: str, sealed: bytes) -> bytes | None:
        """Return the content of this place likewise."""
        if self._first_content_cipher.decrypt(sealed, place) is not None:
            return None
        content = self.unseal_at(place, sealed)
        if content is None:
            raise DatabaseMismatch(LOST)
        return self.seal_at(place, content)

    def seal_at(self, place: str, content: bytes) -> bytes:
        """Return this content encrypted; it can be had back for this place only, such as `content/ID`."""
        self.sealed = True
        return self._content_cipher.encrypt(content, place)

    def unseal_at(self, place: str, sealed: bytes) -> bytes | None:
        """Return the content of this place; None if none of the keys has encrypted it."""
        return self._content_cipher.decrypt(sealed, place)

    def digest_of(self, *parts: str) -> bytes:
        """Return the digest by which something personal is found: 32 bytes, of all these parts."""
        message = b"\0".join([part.encode("utf-8", "surrogatepass") for part in parts])
        return hmac.digest(self._digest_key, message, "sha256")

    def digest(self, app: str, secret: str) -> str:
        """Return the digest by which this secret of this app is found, in hexadecimal."""
        message = b"\0".join((app.encode("utf-8", "surrogatepass"), secret.encode("utf-8", "surrogatepass")))
        return hmac.digest(self._digest_key, message, "sha256").hex()

    async def prove(self, connection: AsyncConnection) -> bool:
        """Leave the proof of the first key in the database, if a secret was encrypted with it. Part of a writing.

        Return True if it did; then `proven` is to be called once that is committed. Who writes many times a second is
        taken at its word in between.
        """
        if not self.sealed or time.monotonic() < self._proven_until:
            return False
        await self.put_proof(connection)
        return True

    def proven(self) -> None:
        """Take it for known that the proof is in the database, for a while: a rekeying removes it."""
        self.sealed = False
        self._proven_until = time.monotonic() + PROVEN_SECONDS

    async def put_proof(self, connection: AsyncConnection) -> None:
        """Leave the proof of the first key in the database, unless it is there; another may leave it just now."""
        name = _proof_of(self._keys[0])
        if (await connection.execute(select(DATABASE_KEY.c.name).where(DATABASE_KEY.c.name == name))).first() is None:
            proof = insert(DATABASE_KEY).values(name=name, sealed=self._first.encrypt(PROVED, name))
            with suppress(IntegrityError):
                async with connection.begin_nested():
                    await connection.execute(proof)

    async def forget_others(self, connection: AsyncConnection) -> None:
        """Encrypt the key of digests with the first key, and remove the proofs of all others: nothing needs them."""
        await self.put_proof(connection)
        row = DATABASE_KEY.c.name == DIGEST
        await connection.execute(
            update(DATABASE_KEY).where(row).values(sealed=self._first.encrypt(self._digest_key, DIGEST))
        )
        others = DATABASE_KEY.c.name.startswith(PROOF) & (DATABASE_KEY.c.name != _proof_of(self._keys[0]))
        await connection.execute(delete(DATABASE_KEY).where(others))


async def database_keys(connection: AsyncConnection, keys: Sequence[str]) -> DatabaseKeys:
    """Return the keys of this database, for these of the operator. DatabaseMismatch if one that is needed lacks."""
    found = await connection.execute(select(DATABASE_KEY.c.name, DATABASE_KEY.c.sealed))
    rows = {row.name: row.sealed for row in found}
    if DIGEST not in rows:
        raise DatabaseMismatch(f"the database has no key for digests yet: {UPGRADE}")
    return DatabaseKeys(keys, _opened(rows, keys))


def _opened(rows: Mapping[str, bytes], keys: Sequence[str]) -> bytes:
    cipher = ValueCipher(keys)
    found = {name: cipher.decrypt(sealed, name) for name, sealed in rows.items()}
    digest_key = found[DIGEST]
    if digest_key is None or None in found.values():
        raise DatabaseMismatch(LOST)
    return digest_key


async def draw_keys(connection: AsyncConnection, keys: Sequence[str]) -> None:
    """Draw the key of digests, unless the database has one. Part of a writing."""
    if (await connection.execute(select(DATABASE_KEY.c.name).where(DATABASE_KEY.c.name == DIGEST))).first() is None:
        drawn = urlsafe_b64decode(Fernet.generate_key())
        sealed = ValueCipher(keys[:1]).encrypt(drawn, DIGEST)
        await connection.execute(insert(DATABASE_KEY).values(name=DIGEST, sealed=sealed))


def _place(app: str) -> str:
    return f"app_secret/{app}"


def _proof_of(key: str) -> str:
    """Return the name of a key's proof, by which nobody learns the key."""
    return PROOF + hmac.digest(urlsafe_b64decode(key), b"esb database key", hashlib.sha256).hex()[:FINGERPRINT_DIGITS]

"""Keys of deliveries: digests by which the delivery of a call is found again, and known for that of the same call."""

from dataclasses import dataclass

from esb.contracts.component import Repetition
from esb.core.call import Call
from esb.database.deliveries import RECEIVER_DIGEST
from esb.database.delivery_writes import Accepted
from esb.database.keys import DatabaseKeys
from esb.delivery.call_digests import identity_of, require_same


@dataclass(frozen=True, slots=True)
class DeliveryKey:
    """The key of a call: digests of the key, and of the content that it stands for.

    `kept`: the digest of the same key where those of calls that are made at once are kept. `before`: the digest that
    it had in the period before, and for how many seconds a delivery of it counts.
    """

    idem: bytes
    kept: bytes
    content: bytes
    before: tuple[bytes, float] | None = None


def delivery_key(keys: DatabaseKeys, call: Call, repetition: Repetition | None, now: float) -> DeliveryKey | None:
    """Return the key of a call, None if it has none. `now`: seconds since 1970."""
    identity = identity_of(call, repetition)
    if identity is None:
        return None
    entry, kept = identity.entry, keys.digest_of(identity.entry)
    content = b"".join(keys.digest_of("call", part)[:RECEIVER_DIGEST] for part in identity.content.split(":"))
    if repetition is None or call.options.idempotency_key:
        return DeliveryKey(keys.digest_of("key", entry), kept, content)
    period = int(now // repetition.seconds)
    idem, before = (keys.digest_of("key", entry, str(number)) for number in (period, period - 1))
    return DeliveryKey(idem, kept, content, (before, repetition.seconds))


def require_same_call(accepted: Accepted, key: DeliveryKey | None) -> None:
    """Raise RequestError if this delivery was accepted under the key for another call."""
    if key is not None and accepted.content_digest is not None:
        require_same(_halves(accepted.content_digest), _halves(key.content))


def _halves(digest: bytes) -> str:
    """Return such digests as `require_same` compares them."""
    return f"{digest[:RECEIVER_DIGEST].hex()}:{digest[RECEIVER_DIGEST:].hex()}"

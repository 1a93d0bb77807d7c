"""The middleware that knows calls by their key, for tests of it alone."""

from esb.core.events import Observer
from esb.delivery.idempotency import Idempotency
from esb.delivery.key_claims import KeyClaims
from esb.store.protocol import Store
from esb.store.store_keys import StoreKeys


def make_idempotency(store: Store, observer: Observer | None = None) -> Idempotency:
    """One whose keys lie in this store."""
    observer = observer or Observer()
    return Idempotency(KeyClaims(StoreKeys(store), observer), observer)

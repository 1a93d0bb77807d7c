"""The gate of one credential: closed for as long as the platform said that its quota is used up."""

import math
from contextlib import suppress
from typing import NamedTuple

from esb.channels.verdict import Verdict
from esb.core import json_codec
from esb.core.events import GateClosed, Observer
from esb.outgoing.tokens.cache import TokenKey
from esb.store.keyspaces import QUOTA_GATE
from esb.store.protocol import Store, StoreAway


class Closed(NamedTuple):
    """The refusal that closed a gate, and the seconds that are left of it."""

    errcode: int
    errmsg: str
    seconds: float


class QuotaGate:
    """A gate that all processes share: whoever is refused closes it for all."""

    def __init__(self, store: Store, observer: Observer, key: TokenKey, before: str = "send") -> None:
        """`before`: what the gate stands before. Who may fetch no tokens may still have one to send with."""
        self._store = store
        self._observer = observer
        self._account = (key.platform, key.account)
        self._key = f"{QUOTA_GATE}:{before}:{key.platform}:{key.account}:{key.secret_digest}"

    async def closed(self) -> Closed | None:
        """Return the refusal that closed the gate; None if it is open."""
        kept = await self._store.get(self._key)
        if kept is None:
            return None
        errcode, errmsg = json_codec.decode(kept.value)
        return Closed(errcode, errmsg, math.ceil(10 * kept.seconds) / 10)  # who comes sooner is refused again

    async def close(self, refusal: Verdict, at_most: float = math.inf) -> None:
        """Close the gate for the seconds that the refusal names."""
        seconds = min(refusal.retry_after or 0.0, at_most)
        if seconds:
            self._observer.emit(GateClosed(*self._account, refusal.errcode, seconds))
            with suppress(StoreAway):  # the platform will say it again
                await self._store.put(self._key, json_codec.encode([refusal.errcode, refusal.errmsg]), seconds)

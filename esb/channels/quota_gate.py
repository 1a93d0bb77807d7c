"""The gate of one credential: closed for as long as the platform said that its quota is used up."""

import math
from contextlib import suppress
from typing import Any, NamedTuple

from esb.channels.draft import Rejected
from esb.channels.verdict import Verdict
from esb.core import json_codec
from esb.core.events import GateClosed, Observer
from esb.store.keyspaces import QUOTA_GATE
from esb.store.protocol import Store, StoreAway


class Closed(NamedTuple):
    """The refusal that closed a gate, and the seconds that are left of it. `errcode`: a number, or a vendor's word."""

    errcode: Any
    errmsg: str
    seconds: float


class QuotaGate:
    """A gate that all processes share: whoever is refused closes it for all."""

    def __init__(self, store: Store, observer: Observer, before: str, credential: str) -> None:
        """`before`: what the gate stands before. Who may fetch no tokens may still have one to send with.

        `credential` tells it from others: a digest, no secret.
        """
        self._store = store
        self._observer = observer
        self._key = f"{QUOTA_GATE}:{before}:{credential}"

    async def closed(self) -> Closed | None:
        """Return the refusal that closed the gate; None if it is open."""
        kept = await self._store.get(self._key)
        if kept is None:
            return None
        errcode, errmsg = json_codec.decode(kept.value)
        return Closed(errcode, errmsg, math.ceil(10 * kept.seconds) / 10)  # who comes sooner is refused again

    async def close(self, platform: str, account: str, refusal: Verdict | Rejected, seconds: float | None) -> None:
        """Close the gate for so many seconds, if any, because this account was refused so."""
        if seconds:
            hint = str(refusal.hint) if isinstance(refusal, Verdict) else ""
            self._observer.emit(GateClosed(platform, account, refusal.errcode, seconds, hint))
            with suppress(StoreAway):  # the platform will say it again
                await self._store.put(self._key, json_codec.encode([refusal.errcode, refusal.errmsg]), seconds)

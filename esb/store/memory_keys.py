"""Keys in memory, each until its end. None is given up for another, and no app takes the room of the others."""

import heapq
from collections import OrderedDict
from collections.abc import Callable

from esb.core.errors import UpstreamError
from esb.core.reasons import Reason
from esb.store.keyspaces import share_of
from esb.store.protocol import ShareFull

PURGED_PER_KEY = 2
"""The expired keys that a new one removes: more than one, so that they leave faster than they come; few, so that no
call pays for all the others."""


class Keys:
    """At most `size` keys. An app may have as many as there is room left, so that there is always some for the others.

    One that fills its share gets a half of all, the next one a third each, and so on.
    """

    def __init__(self, clock: Callable[[], float], size: int) -> None:
        self._clock = clock
        self._size = size
        self._expiries: dict[str, float] = {}
        self._shares: OrderedDict[str, list[tuple[float, str]]] = OrderedDict()
        """Share -> its keys, those that expire soonest first; the share that had a new key least recently first."""

    def __contains__(self, key: str) -> bool:
        return self._expiries.get(key, 0.0) > self._clock()

    def add(self, key: str, seconds: float) -> bool:
        """Remember this key; False if it is remembered already. ShareFull or UpstreamError if there is no room."""
        now = self._clock()
        if self._expiries.get(key, now) > now:
            return False
        share = share_of(key)
        own = self._shares.setdefault(share, [])
        self._shares.move_to_end(share)
        self._purge(own, now)
        self._purge_idle(now)
        free = self._size - len(self._expiries)
        if share and own and own[0][0] > now and len(own) >= free:  # else expired ones are left, and leave faster
            raise ShareFull(own[0][0] - now)
        if free <= 0:
            raise UpstreamError(
                "store", "add", "the memory of the gateway is full", sent=False, call_reason=Reason.STORE
            )
        self._expiries[key] = now + seconds
        heapq.heappush(own, (now + seconds, key))
        return True

    def _purge_idle(self, now: float) -> None:
        """Purge the share that has been idle longest: its app may never come again."""
        share, keys = next(iter(self._shares.items()))
        if len(self._shares) > 1:
            self._purge(keys, now)
            if not keys:
                del self._shares[share]

    def _purge(self, keys: list[tuple[float, str]], now: float) -> None:
        for _ in range(PURGED_PER_KEY):
            if not keys or keys[0][0] > now:
                return
            expiry, key = heapq.heappop(keys)
            if self._expiries.get(key) == expiry:  # it may have been added anew since
                del self._expiries[key]

"""Heads and bodies of requests that are on their way in: how slow each may be, and how many from one address."""

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Sequence

from esb.core.client_sites import site_of
from esb.incoming.trusted_proxies import Network, is_trusted, peer

SLOTS = 64
"""Heads, or bodies, on their way from one address: a browser opens 6 connections, a busy backend some dozens."""
GRACE_SECONDS = 1.0
"""Seconds after which what is on its way needs one of the slots. Nearly all is whole after some milliseconds."""
SWEEP_SECONDS = 0.5
"""Seconds between two looks at all that is on its way."""
MOST_CUTS = 20
CUT_SECONDS = 0.01
"""Not more are cut off at once, and these seconds lie between: to close thousands of connections takes a while."""


def counted_address(remote: str, trusted: Sequence[Network]) -> str:
    """Return what the slots of this address are counted under; "" for a trusted proxy, which has no bound."""
    if trusted and is_trusted(peer(remote), trusted):
        return ""
    return site_of(remote) or "?"


class Arriving(ABC):
    """A head or a body on its way. A subclass says how it is cut off; `size` is what has come of it, in bytes."""

    __slots__ = ("address", "began", "has_slot", "size")

    def __init__(self, address: str) -> None:
        self.address = address
        self.began = asyncio.get_running_loop().time()
        self.has_slot = False
        self.size = 0

    @abstractmethod
    def cut(self, *, slow: bool) -> None:
        """End it: it comes too slowly, or else there is no slot for it."""


class Arrivals:
    """All heads that are on their way, or all bodies: one timer watches them, as long as there are any.

    Each may take `seconds`, and one more for every `rate` bytes of it that have come; and it needs one of the slots of
    its address, at the latest after GRACE_SECONDS.
    """

    def __init__(self, seconds: float, rate: float) -> None:
        self._seconds = seconds
        self._rate = rate
        self._arriving: dict[Arriving, None] = {}
        self._slots: dict[str, int] = {}
        self._timer: asyncio.TimerHandle | None = None

    def __len__(self) -> int:
        return len(self._arriving)

    def begin(self, arriving: Arriving) -> None:
        """Watch this one until `end`."""
        self._arriving[arriving] = None
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(SWEEP_SECONDS, self._sweep)

    def end(self, arriving: Arriving) -> None:
        """Watch it no longer, and free its slot. Again is no harm."""
        self._arriving.pop(arriving, None)
        if arriving.has_slot:
            arriving.has_slot = False
            left = self._slots[arriving.address] - 1
            if left:
                self._slots[arriving.address] = left
            else:
                del self._slots[arriving.address]

    def take_slot(self, arriving: Arriving) -> bool:
        """Take one of the slots of its address for this one; return False if all are taken."""
        address = arriving.address
        if not address or arriving.has_slot:
            return True
        taken = self._slots.get(address, 0)
        if taken >= SLOTS:
            return False
        self._slots[address] = taken + 1
        arriving.has_slot = True
        return True

    def _sweep(self) -> None:
        loop = asyncio.get_running_loop()
        self._timer, now, cuts = None, loop.time(), 0
        for arriving in [*self._arriving]:  # the first to come are the first to get a slot
            seconds = now - arriving.began
            if seconds < GRACE_SECONDS or cuts == MOST_CUTS:
                break
            slow = seconds > self._seconds + arriving.size / self._rate
            if slow or not self.take_slot(arriving):
                arriving.cut(slow=slow)
                cuts += 1
        if self._arriving:
            self._timer = loop.call_later(CUT_SECONDS if cuts == MOST_CUTS else SWEEP_SECONDS, self._sweep)

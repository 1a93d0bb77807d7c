"""A bound on how many calls of one component may be under way at the same time."""

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from esb.core.call import Call
from esb.core.errors import Limited
from esb.core.reasons import Reason
from esb.outgoing.bulkhead import Bulkhead

RETRY_AFTER = 1.0


class ConcurrencyLimit:
    """A number of places, shared by the apps as those of a bulkhead are. None: as many as come."""

    def __init__(self, places: int | None) -> None:
        self._places = places
        self._bulkhead = None if places is None else Bulkhead(time.monotonic, places)

    def taken(self) -> str:
        """Return how many places are taken, in words for operators; "" without a bound."""
        bulkhead = self._bulkhead
        return "" if bulkhead is None else f"{bulkhead.under_way} of {self._places} calls are under way"

    @asynccontextmanager
    async def entered(self, call: Call) -> AsyncIterator[None]:
        """Take a place, from here on until the end. Limited if there is none, and the app has its share already."""
        bulkhead = self._bulkhead
        if bulkhead is None:
            yield
            return
        if not bulkhead.enters(call):
            try:
                await bulkhead.wait(call, call.deadline)
            except Limited:
                raise self._refusal() from None
        try:
            yield
        finally:
            bulkhead.leave(call)

    def _refusal(self) -> Limited:
        return Limited(
            "Too many calls of this component are under way, at most {limit} are allowed at the same time",
            RETRY_AFTER,
            call_reason=Reason.OVERLOADED,
            limit=self._places,
        )

"""The time that an upstream has for a request, apart from the time that the caller takes to send it."""

import asyncio
from collections.abc import AsyncIterator

from esb.core.call import Call

FAIR = 0.5
"""The part of the usual time that an upstream has to have had before its failure says that it is ill."""


class UpstreamTime:
    """The time of one request. `is_fair`: the upstream has enough of it left, whatever the caller has used.

    `is_whole`: all of the body has come from the caller. A body that is streamed comes while the time runs.
    """

    def __init__(self, call: Call, timeout: float | None) -> None:
        """`timeout`: the seconds that the request may take, within the call's own; None: those."""
        self._call = call
        self._usual = call.timeout if timeout is None else min(timeout, call.timeout)
        self._ends = asyncio.get_running_loop().time() + self._usual
        self.is_whole = True
        self.is_fair = self._has_enough()

    def watched(self, body: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
        """Return the body of the caller; at its end it is noted how much time is left."""
        self.is_whole = False
        return self._watched(body)

    async def _watched(self, body: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
        async for chunk in body:
            yield chunk
        self.is_whole = True
        self.is_fair = self._has_enough()

    def _has_enough(self) -> bool:
        left = min(self._ends - asyncio.get_running_loop().time(), self._call.seconds_left)
        return left >= FAIR * self._usual

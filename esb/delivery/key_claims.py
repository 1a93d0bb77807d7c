"""Claims of idempotency keys: one whose caller leaves before its call begins is given up."""

import asyncio
from contextlib import suppress

from esb.core.call import Call
from esb.core.errors import EsbError
from esb.core.events import Observer
from esb.delivery import replay
from esb.delivery.unprotected_keys import UnprotectedKeys
from esb.store.kept_keys import Found, Held, KeptKeys, Wanted


class KeyClaims:
    """The claims of one process. `keys` keeps them; `unprotected` counts those which that does not protect."""

    def __init__(self, keys: KeptKeys, observer: Observer) -> None:
        self.keys = keys
        self.unprotected = UnprotectedKeys(observer)
        self._left: set[asyncio.Task[None]] = set()

    async def claim(self, wanted: Wanted, call: Call) -> Held | Found:
        """Claim a key for this call. UpstreamError if its time is over first: it may be one that was sent before."""
        claiming = asyncio.ensure_future(self.keys.claim(wanted))
        try:
            return await asyncio.shield(claiming)
        except asyncio.CancelledError:
            leaving = asyncio.create_task(self._give_up(claiming))
            self._left.add(leaving)
            leaving.add_done_callback(self._left.discard)
            if call.seconds_left > 0:
                raise
            raise replay.cut_off(call) from None

    async def release(self, held: Held) -> None:
        """Give up a claim; if the place of keys is away, as soon as it is back."""
        with suppress(EsbError):
            await self.keys.release(held)

    async def close(self) -> None:
        """Give up the claims of callers who have left."""
        await asyncio.gather(*self._left)
        self.unprotected.close()

    async def _give_up(self, claiming: "asyncio.Future[Held | Found]") -> None:
        with suppress(EsbError):
            claimed = await claiming
            if isinstance(claimed, Held):
                await self.keys.release(claimed)

"""A call that another process makes, or has made: its repetition here waits for the answer that is kept."""

import asyncio
from contextlib import suppress

from esb.contracts.component import Envelope
from esb.core.backoff import pauses
from esb.core.call import Call
from esb.delivery import replay
from esb.delivery.call_digests import require_same
from esb.store.kept_keys import Found, KeptKeys
from esb.store.protocol import StoreAway

LOOK_SECONDS, LONGEST_LOOK_SECONDS = 0.05, 0.5
"""The time between two looks for the answer: at first, and at last."""


async def awaited_answer(keys: KeptKeys, entry: str, content: str, found: Found | None, call: Call) -> Envelope | None:
    """Return the answer to the call that was `found`, once there is one; None if it sent nothing and is forgotten.

    RequestError if that was another call; OutcomeUnknown if it was broken off; UpstreamError if the time of this one is
    over before.
    """
    looks = pauses(LOOK_SECONDS, LONGEST_LOOK_SECONDS)
    while found is not None:
        require_same(found.content, content)
        if found.answer is not None:
            return replay.restored(found.answer)
        if found.lease <= 0:
            raise replay.broken_off()
        try:
            await asyncio.sleep(next(looks))
            with suppress(StoreAway):  # it was under way when it was seen last
                found = await keys.find(entry)
        except asyncio.CancelledError:
            if call.seconds_left > 0:
                raise
            raise replay.cut_off(call) from None
    return None

"""Pacing: no receiver is sent more in a window than the platform delivers. Messages wait within the call's deadline.

A message counts from its booking until a window after the last moment at which it may arrive: the end of the call's
time, or when its answer has come, that moment. Token fetches, repetitions and pauses lie between the two, so they do no
harm. Nor can there be too many in any window. Of those in it, look at the one that was booked last. The others had been
booked before, and each counts until a window after it arrived: so each counted when that turn was set, with room left.
"""

from collections.abc import Awaitable, Sequence
from dataclasses import dataclass
from operator import attrgetter

from esb.channels.message import OutboundMessage
from esb.core.call import Call
from esb.store.keyspaces import PACE
from esb.store.protocol import Store, StoreReader

SENDING_SECONDS = 2.0
"""Seconds of the deadline that a message that waited needs to be sent."""
ARRIVING_SECONDS = 10.0
"""Seconds after its call's deadline in which a request may still arrive: the network or the gateway was held up."""
LOOK_SECONDS = 1.0
"""The time before another look by a message for which there is no turn yet, but may be one: twice as long each time."""

ONLY_ASKED = -1.0
"""The patience that no permit meets: none is booked."""


def share_of_deliveries(limit: int) -> int:
    """Return how many permits may count when a delivery books another: two thirds, so that calls find room."""
    return max(1, limit * 2 // 3)


@dataclass(slots=True)
class Turn:
    """A message that may be sent in `wait` seconds; without `keys`, it has to ask for its turn then.

    `receipt` is that of its permits under these keys.
    """

    wait: float
    message: OutboundMessage
    keys: Sequence[str] = ()
    receipt: float = 0.0


@dataclass(frozen=True, slots=True)
class Pace:
    """At most `limit` messages in `seconds` to one receiver.

    `scope` tells the receivers of one app from another's; `refusal` is the template of what is told for a receiver
    whose turn comes too late.
    """

    store: Store
    scope: str
    limit: int
    refusal: str
    seconds: float = 60.0

    async def turns(
        self, call: Call, messages: Sequence[OutboundMessage], look: float = LOOK_SECONDS
    ) -> tuple[list[Turn], dict[str, float]]:
        """Book permits for these messages.

        Return them by the time that they may be sent, the soonest first; and the receivers for whom it is too late,
        each with the seconds after which another call may do better. In `look` seconds some have to ask again: what
        has no answer yet counts as if it took its whole time, which nearly nothing does.
        """
        if call.options.run is not None:
            return await self._turns_now(call, messages)
        left = call.seconds_left
        patience = max(0.0, left - SENDING_SECONDS)
        turns: list[Turn] = []
        late: dict[str, float] = {}
        for message in messages:
            receivers, pages = message.receivers, len(message.pages)
            if pages > self.limit:  # its own pages would be too many in a window
                late.update(dict.fromkeys(receivers, self.seconds))
                continue
            keys = [f"{PACE}:{self.scope}:{receiver.lower()}" for receiver in receivers]
            waits, receipt = await self.store.reserve(
                keys,
                times=pages,
                limit=self.limit,
                seconds=self.seconds,
                patience=patience,
                held=left + ARRIVING_SECONDS,
            )
            if not any(waits):
                turns.append(Turn(0.0, message, keys, receipt))  # nearly always
                continue
            groups: dict[float, list[int]] = {}
            again: list[str] = []
            for number, wait in enumerate(waits):
                if wait <= patience:
                    groups.setdefault(wait, []).append(number)
                elif look + self.seconds <= patience:
                    again.append(receivers[number])
                else:
                    late[receivers[number]] = min(wait, self.seconds)
            for wait, numbers in groups.items():
                some = message.to([receivers[number] for number in numbers])
                turns.append(Turn(wait, some, [keys[number] for number in numbers], receipt))
            if again:
                turns.append(Turn(look, message.to(again)))
        turns.sort(key=attrgetter("wait"))
        return turns, late

    async def _turns_now(self, call: Call, messages: Sequence[OutboundMessage]) -> tuple[list[Turn], dict[str, float]]:
        """Book permits for messages of a delivery: for each message now and for all of its receivers, or not at all.

        So an attempt that has to be repeated, because the one before broke off, makes the very same requests.
        """
        turns: list[Turn] = []
        late: dict[str, float] = {}
        for message in messages:
            receivers, pages = message.receivers, len(message.pages)
            if pages > self.limit:
                late.update(dict.fromkeys(receivers, self.seconds))
                continue
            keys = [f"{PACE}:{self.scope}:{receiver.lower()}" for receiver in receivers]
            waits: Sequence[float] = ()
            receipt = 0.0
            for patience in (0.0,) if len(keys) == 1 else (ONLY_ASKED, 0.0):
                waits, receipt = await self.store.reserve(
                    keys,
                    times=pages,
                    limit=max(pages, share_of_deliveries(self.limit)),
                    seconds=self.seconds,
                    patience=patience,
                    held=call.seconds_left + ARRIVING_SECONDS,
                )
                if any(waits):
                    late.update(dict.fromkeys(receivers, min(max(waits), self.seconds)))
                    break
            else:
                turns.append(Turn(0.0, message, keys, receipt))
        return turns, late

    async def left(self, receivers: Sequence[str]) -> Sequence[int]:
        """Return how many messages each receiver may get now; nothing where the store does not tell."""
        if not receivers or not isinstance(self.store, StoreReader):
            return ()
        keys = [f"{PACE}:{self.scope}:{receiver.lower()}" for receiver in receivers]
        return [max(0, self.limit - number) for number in await self.store.reserved(keys, self.seconds)]

    def settle(self, turn: Turn) -> Awaitable[None]:
        """Let a message that has its answer count from now on."""
        return self.store.settle(turn.keys, turn.receipt, len(turn.message.pages))

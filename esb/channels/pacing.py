"""Pacing: no receiver is sent more in a window than the platform delivers. Messages wait within the call's deadline."""

from collections.abc import Sequence
from dataclasses import dataclass
from operator import attrgetter

from esb.channels.message import OutboundMessage
from esb.core.call import Call
from esb.store.keyspaces import PACE
from esb.store.protocol import Store

SENDING_SECONDS = 2.0
"""Seconds of the deadline that a message that waited needs to be sent."""


@dataclass(slots=True)
class Turn:
    """A message that may be sent in `wait` seconds."""

    wait: float
    message: OutboundMessage


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

    async def turns(self, call: Call, messages: Sequence[OutboundMessage]) -> tuple[list[Turn], dict[str, float]]:
        """Book places for these messages.

        Return them by the time that they may be sent, the soonest first; and the receivers for whom it is too late,
        each with the seconds that it would have to wait.
        """
        patience = max(0.0, call.time_left() - SENDING_SECONDS)
        turns: list[Turn] = []
        late: dict[str, float] = {}
        for message in messages:
            receivers = message.receivers
            keys = [f"{PACE}:{self.scope}:{receiver.lower()}" for receiver in receivers]
            waits = await self.store.reserve(
                keys, times=len(message.pages), limit=self.limit, seconds=self.seconds, patience=patience
            )
            if not any(waits):
                turns.append(Turn(0.0, message))  # nearly always
                continue
            groups: dict[float, list[str]] = {}
            for receiver, wait in zip(receivers, waits, strict=True):
                if wait > patience:
                    late[receiver] = wait
                else:
                    groups.setdefault(wait, []).append(receiver)
            turns += [Turn(wait, message.to(group)) for wait, group in groups.items()]
        turns.sort(key=attrgetter("wait"))
        return turns, late

"""WeCom drops, without a word, what a member gets beyond 30 messages a minute; so nobody is sent more than that.

Source: developer.work.weixin.qq.com/document/path/90454. Messages wait for their turn within the call's deadline.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from operator import attrgetter

from esb.channels.wechat.message import Message
from esb.core.call import Call
from esb.store.protocol import Store

WINDOW_SECONDS = 60.0
SENDING_SECONDS = 2.0
"""What a message that waited needs of the deadline to be sent."""


@dataclass(slots=True)  # frozen, it would take three times as long to make
class Turn:
    """A message that may be sent in `wait` seconds."""

    wait: float
    message: Message


@dataclass(frozen=True, slots=True)
class Pace:
    """At most `limit` messages a minute to one receiver; `scope` tells the receivers of one app from another's."""

    store: Store
    scope: str
    limit: int

    async def turns(self, call: Call, messages: Sequence[Message]) -> tuple[list[Turn], dict[str, float]]:
        """When the messages may be sent, the soonest first; and for whom it is too late, with the seconds to wait."""
        patience = max(0.0, call.deadline - asyncio.get_running_loop().time() - SENDING_SECONDS)
        turns: list[Turn] = []
        late: dict[str, float] = {}
        for message in messages:
            receivers = message.receivers
            keys = [f"pace:{self.scope}:{receiver.lower()}" for receiver in receivers]
            waits = await self.store.reserve(
                keys, times=len(message.pages), limit=self.limit, seconds=WINDOW_SECONDS, patience=patience
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
        return sorted(turns, key=attrgetter("wait")), late

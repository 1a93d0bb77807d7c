"""The states of a delivery and of its receivers, as the database keeps them and as callers read them."""

from enum import IntEnum


class _State(IntEnum):
    @property
    def word(self) -> str:
        """The state as callers read it."""
        return self.name.lower()


class DeliveryState(_State):
    """The state of a delivery. Done: all receivers are final, none failed, expired or unknown; dead: some are."""

    QUEUED = 0
    SENDING = 1
    DONE = 2
    DEAD = 3
    CANCELLED = 4
    HELD = 5


class ReceiverState(_State):
    """The state of one receiver. Held: accepted, and kept back by the platform for now."""

    QUEUED = 0
    SENDING = 1
    ACCEPTED = 2
    HELD = 3
    DELIVERED = 4
    FAILED = 5
    UNKNOWN = 6
    CANCELLED = 7
    EXPIRED = 8
    RECALLED = 9


OPEN = frozenset({ReceiverState.QUEUED, ReceiverState.SENDING})
"""States of a receiver that gets the message at the next attempt."""
REACHED = frozenset({ReceiverState.ACCEPTED, ReceiverState.HELD, ReceiverState.DELIVERED})
"""States of a receiver for whom the platform has taken the message."""
GIVEN_UP = frozenset({ReceiverState.FAILED, ReceiverState.EXPIRED})
"""States of a receiver who does not get it any more."""
MISSED = GIVEN_UP | {ReceiverState.UNKNOWN}
"""States that make a delivery dead instead of done."""
ENDED = frozenset({DeliveryState.DONE, DeliveryState.DEAD, DeliveryState.CANCELLED})
"""States of a delivery whose receivers are all final."""
NOT_ENDED = frozenset(DeliveryState) - ENDED
"""States of a delivery of which something is still to come."""

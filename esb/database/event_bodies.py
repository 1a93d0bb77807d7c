"""The body of an event, as a callback gets it: what an app would be answered if it asked for its delivery then."""

from collections import Counter
from collections.abc import Sequence
from typing import Any, NamedTuple

from sqlalchemy import Row

from esb.core import json_codec
from esb.core.clock import utc_text
from esb.core.delivery_states import MISSED, DeliveryState, ReceiverState
from esb.core.plain_messages import from_plain
from esb.database.delivery_answer import View, fates_of, view_of
from esb.database.known_receivers import KnownReceiver

MOST_BYTES = 20_000
"""Bytes of a body: who receives many of them has to read each before it answers."""
MOST_NAMED = 400
"""Receivers, and ids of messages, that a body names before it is measured."""
LONGEST_TEXT = 200
"""Characters of a refusal's text that a body repeats."""


class EventDelivery(NamedTuple):
    """A delivery of which an event tells: its row, its receivers' rows, what is known of these, and ids of messages.

    `known`: by their numbers; nothing where none of the keys decrypts it.
    """

    row: Any
    known: Sequence[KnownReceiver]
    receivers: Sequence[Row[Any]]
    msgids: Sequence[str]

    @property
    def event(self) -> str:
        """The type of event that tells of its state: delivered, if every receiver is known to have the message."""
        state = DeliveryState(self.row.state)
        if state is DeliveryState.DONE and all(each.state == ReceiverState.DELIVERED for each in self.receivers):
            return "delivery.delivered"
        return f"delivery.{state.word}"


def body_of(delivery: EventDelivery, now: int) -> bytes:
    """Return the JSON of an event at this moment, in milliseconds since 1970: of MOST_BYTES at most.

    Where that is too little for all, it names those first who did not get the message, and is not `complete`.
    """
    first = sorted(delivery.receivers, key=lambda receiver: receiver.state not in MISSED)
    most = MOST_NAMED
    while len(body := json_codec.encode(_event(delivery, now, first[:most], delivery.msgids[:most]))) > MOST_BYTES:
        most //= 2
    return body


def _event(delivery: EventDelivery, now: int, named: Sequence[Row[Any]], msgids: Sequence[str]) -> View:
    row = delivery.row
    of_it = sorted((each for each in named if each.number < len(delivery.known)), key=lambda each: each.number)
    known = {}
    for each in of_it:
        receiver = delivery.known[each.number]
        known[each.number] = receiver._replace(errmsg=str(from_plain(receiver.errmsg))[:LONGEST_TEXT])
    return {
        "type": delivery.event,
        "timestamp": utc_text(now / 1000),
        "data": {
            "delivery": {key: value for key, value in view_of(row).items() if key != "app"},
            **fates_of(row.component, known, of_it),
            "msgids": msgids,
            **({"class": row.failure} if row.failure else {}),
            "counts": Counter(ReceiverState(each.state).word for each in delivery.receivers),
            "complete": len(of_it) == len(delivery.receivers) and len(msgids) == len(delivery.msgids),
        },
    }

"""The body of an event of a delivery, as its callback gets it: what became of whom, and no content of the message."""

import re
from collections import Counter
from collections.abc import Sequence
from typing import Any, NamedTuple

from esb.core import json_codec
from esb.core.clock import utc_text
from esb.core.delivery_states import MISSED, OPEN, DeliveryState, ReceiverState

MOST_BYTES = 20_000
"""Bytes of a body: who receives many of them has to read each before it answers."""
MOST_NAMED = 400
"""Receivers, and ids of messages, that a body names before it is measured."""
LONGEST_TEXT = 200
"""Characters of a refusal's text that a body repeats."""
_NUMBER = re.compile(r"-?[0-9]{1,18}")
_LISTED = tuple(state for state in ReceiverState if state not in OPEN)
_FIRST = MISSED
"""States whose receivers are named first where there is no room for all."""


class EventReceiver(NamedTuple):
    """A receiver as an event tells of it. `errcode` and `errmsg` are the platform's, "" if it said none."""

    name: str
    state: ReceiverState
    errcode: str
    errmsg: str


class EventDelivery(NamedTuple):
    """A delivery as an event tells of it. Times are milliseconds since 1970."""

    id: str
    app: str
    callback: str
    component: str
    request_id: str
    state: DeliveryState
    attempts: int
    created: int
    failure: str
    receivers: Sequence[EventReceiver]
    msgids: Sequence[str]

    @property
    def event(self) -> str:
        """The type of event that tells of its state: delivered, if every receiver is known to have the message."""
        if self.state is DeliveryState.DONE and all(
            receiver.state is ReceiverState.DELIVERED for receiver in self.receivers
        ):
            return "delivery.delivered"
        return f"delivery.{self.state.word}"


def body_of(delivery: EventDelivery, now: int) -> bytes:
    """Return the JSON of an event at this moment, in milliseconds since 1970: of MOST_BYTES at most.

    Where that is too little for all, it names those first who did not get the message, and is not `complete`.
    """
    numbers = sorted(range(len(delivery.receivers)), key=lambda number: delivery.receivers[number].state not in _FIRST)
    most = MOST_NAMED
    while len(body := json_codec.encode(_event(delivery, now, sorted(numbers[:most]), most))) > MOST_BYTES:
        most //= 2
    return body


def _event(delivery: EventDelivery, now: int, named: Sequence[int], most: int) -> dict[str, Any]:
    lists: dict[str, list[Any]] = {state.word: [] for state in _LISTED}
    for number in named:
        receiver = delivery.receivers[number]
        if receiver.state is ReceiverState.FAILED:
            lists["failed"].append(_failed(receiver))
        elif receiver.state not in OPEN and receiver.name:
            lists[receiver.state.word].append(receiver.name)
    counts = Counter(receiver.state.word for receiver in delivery.receivers)
    return {
        "type": delivery.event,
        "timestamp": utc_text(now / 1000),
        "data": {
            "delivery": {
                "id": delivery.id,
                "state": delivery.state.word,
                "component": delivery.component,
                "request_id": delivery.request_id,
                "attempts": delivery.attempts,
                "created": utc_text(delivery.created / 1000),
                "class": delivery.failure,
            },
            "counts": counts,
            **lists,
            "msgids": delivery.msgids[:most],
            "complete": len(named) == len(delivery.receivers) and len(delivery.msgids) <= most,
        },
    }


def _failed(receiver: EventReceiver) -> dict[str, Any]:
    errcode: int | str | None = receiver.errcode or None
    if _NUMBER.fullmatch(receiver.errcode):
        errcode = int(receiver.errcode)
    return {"receiver": receiver.name, "errcode": errcode, "errmsg": receiver.errmsg[:LONGEST_TEXT]}

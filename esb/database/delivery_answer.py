"""A delivery as callers read it: in an answer, and in what a callback gets."""

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Row

from esb.core.delivery_states import ENDED, GIVEN_UP, REACHED, DeliveryState, ReceiverState
from esb.database.deliveries import DELIVERY
from esb.database.known_receivers import KnownReceiver
from esb.database.transaction import moment

View = dict[str, Any]
Known = Mapping[int, KnownReceiver] | Sequence[KnownReceiver]
"""Receivers of a delivery, by their numbers."""
LISTED = [
    column
    for column in DELIVERY.c
    if column.name not in {"receivers", "idem", "content_digest", "lane", "lease", "owner", "fence"}
]
"""The columns of a delivery that are no secrets, and those that tell something to a caller."""


def view_of(row: Row[Any]) -> View:
    """Return a delivery, a row of LISTED."""
    state = DeliveryState(row.state)
    ended = state in ENDED
    return {
        "id": row.id,
        "state": state.word,
        "due": None if ended else moment(row.due),
        "expires": moment(row.expires),
        "created": moment(row.created),
        "ended": moment(row.due) if ended else None,
        "app": row.app,
        "user": row.username,
        "component": row.component,
        "request_id": row.request_id,
        "synchronous": bool(row.synchronous),
        "attempts": row.attempts,
        "class": row.failure or None,
        "callback": row.callback or None,
    }


def fates_of(component: str, known: Known, rows: Sequence[Row[Any]]) -> View:
    """Return the lists of the answer of a call, and all receivers, rows of RECIPIENT, with their states."""
    receivers = [_receiver(component, known[row.number], row) for row in rows]
    states = [ReceiverState(row.state) for row in rows]
    told = [*zip(receivers, states, strict=True)]
    failed = [each for each, state in told if state in GIVEN_UP]
    return {
        "accepted": [each["receiver"] for each, state in told if state in REACHED],
        "failed": [{"errcode": None, "errmsg": "", **_without(each, "state", "component")} for each in failed],
        "unknown": [each["receiver"] for each, state in told if state is ReceiverState.UNKNOWN],
        "receivers": receivers,
    }


def _receiver(component: str, known: KnownReceiver, row: Row[Any]) -> View:
    view: View = {"receiver": known.name, "state": ReceiverState(row.state).word}
    if known.component != component:
        view["component"] = known.component
    if row.failure:
        view |= {"errcode": _errcode(row.errcode), "errmsg": known.errmsg or "", "class": row.failure}
    return view


def _errcode(text: str) -> int | str | None:
    """Return a platform's code as it gave it: numbers are numbers."""
    return int(text) if text.removeprefix("-").isdecimal() else text or None


def _without(view: Mapping[str, Any], *keys: str) -> View:
    return {key: value for key, value in view.items() if key not in keys}

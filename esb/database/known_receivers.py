"""The receivers of a delivery as its row keeps them: sealed, all of them in one text."""

from collections.abc import Sequence
from typing import Any, NamedTuple

from esb.core import json_codec
from esb.database.keys import DatabaseKeys


class KnownReceiver(NamedTuple):
    """A receiver: which component's message it gets, its name as the caller gave it, and its address.

    `looked_up`: the address came from the directory. `errmsg`: why it was refused, "" if it was not; in the form of
    core/plain_messages.
    """

    component: str
    name: str
    address: str
    looked_up: bool
    errmsg: Any


def sealed_receivers(keys: DatabaseKeys, delivery: str, receivers: Sequence[KnownReceiver]) -> bytes:
    """Return the receivers of this delivery, in the order of their numbers, encrypted."""
    return keys.seal_at(_place(delivery), json_codec.encode([[*receiver] for receiver in receivers]))


def known_receivers(keys: DatabaseKeys, delivery: str, sealed: bytes) -> list[KnownReceiver] | None:
    """Return the receivers of this delivery, in the order of their numbers; None if none of the keys decrypts them."""
    text = keys.unseal_at(_place(delivery), sealed)
    return None if text is None else [KnownReceiver(*receiver) for receiver in json_codec.decode(text)]


def _place(delivery: str) -> str:
    return f"receivers/{delivery}"

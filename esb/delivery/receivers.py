"""The receivers of a delivery: whom its rehearsal found, and what the database keeps of them."""

from collections.abc import Collection, Iterator, Sequence
from typing import Any, NamedTuple

from esb.channels.outcome import DeliveryReport
from esb.channels.recipients import Audience, Rehearsal
from esb.core.errors import Message
from esb.core.plain_messages import from_plain, plain
from esb.database.keys import DatabaseKeys
from esb.database.known_receivers import KnownReceiver, known_receivers, sealed_receivers


class Receiver(NamedTuple):
    """A receiver of a delivery: which component's message it gets, by which name the caller gave it, and its address.

    `looked_up`: the address came from the directory. `errmsg`: why it did not get the message, "" if it did or will.
    One without an address was not found there, and gets nothing.
    """

    component: str
    name: str
    address: str
    looked_up: bool
    errmsg: Message | str = ""


def found_in(component: str, sendings: Sequence[tuple[str, Any]]) -> list[Receiver]:
    """Return the receivers of these sendings, each once; of a component that names none, one without a name.

    `component` is that of the call, whose sendings may be those of components that it calls.
    """
    found = {
        (receiver.component, receiver.name, receiver.address): receiver
        for sender, sending in sendings
        if isinstance(sending, Rehearsal | DeliveryReport)
        for receiver in _of(sender, sending.audience)
    }
    return [*found.values()] or [Receiver(component, "", "", looked_up=False)]


def alone_in(component: str, audience: Audience) -> Receiver | None:
    """Return the receiver of an audience that has just one, who can be addressed; None of any other."""
    if len(audience.typed) != 1 or audience.unknown_users or audience.without_contact:
        return None
    ((address, names),) = audience.typed.items()
    return _receiver(component, names[0], address, audience.given) if len(names) == 1 else None


def sealed(keys: DatabaseKeys, delivery: str, receivers: Sequence[Receiver]) -> bytes:
    """Return the receivers of this delivery, in the order of their numbers, encrypted."""
    known = [KnownReceiver(*receiver[:4], plain(receiver.errmsg)) for receiver in receivers]
    return sealed_receivers(keys, delivery, known)


def unsealed(keys: DatabaseKeys, delivery: str, text: bytes) -> list[Receiver] | None:
    """Return the receivers of this delivery, in the order of their numbers; None if none of the keys decrypts them."""
    known = known_receivers(keys, delivery, text)
    return None if known is None else [Receiver(*each[:4], from_plain(each.errmsg)) for each in known]


def _of(component: str, audience: Audience) -> Iterator[Receiver]:
    given = frozenset(audience.given)
    for address, names in audience.typed.items():
        for name in names:
            yield _receiver(component, name, address, given)
    for entry in audience.missed():
        yield Receiver(component, entry["receiver"], "", looked_up=False, errmsg=entry["errmsg"])


def _receiver(component: str, name: str, address: str, given: Collection[str]) -> Receiver:
    return Receiver(component, name, address, name != address or address not in given)

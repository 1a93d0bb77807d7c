"""An attempt of a delivery, as channels carry it out: for whom, with which date, and known by which id.

A call of a caller's own has none of this: a channel asks here only if the call has options.
"""

import hashlib
import json
import os
from collections.abc import Mapping
from typing import Any

from esb.channels.recipients import Audience
from esb.core.call import Call
from esb.core.gateway_parameters import NOT_COMPARED

LONG = 4096
"""Characters of a text that is looked at as a whole."""


def still_open(call: Call, audience: Audience) -> Audience:
    """Return those of the audience to whom an attempt still has to send; all of them, if the call is no attempt."""
    run = call.options.run
    if run is None:
        return audience
    open_ = run.open_addresses(call.component)
    typed = {address: names for address, names in audience.typed.items() if address in open_}
    return Audience(typed, audience.unknown_users, audience.without_contact, audience.given)


def repetition_id(call: Call) -> str:
    """Return an id of 32 hexadecimal digits that the repetitions of a message share, and no other message has.

    It is derived from the delivery, or else from the app and its Idempotency-Key, and from what the component was asked
    for, since one call may ask it several times. Without either it is random.
    """
    options = call.options
    origin: list[str | int]
    if options.run is not None:
        origin = ["delivery", options.run.id, options.run.redrives]
    elif options.idempotency_key is not None:
        origin = ["key", call.app.code if call.app is not None else "", options.idempotency_key]
    else:
        return os.urandom(16).hex()
    asked = {name: value for name, value in call.args.items() if name not in NOT_COMPARED}
    return _digest(json.dumps([*origin, call.component, _in_brief(asked)], sort_keys=True))


def part_of(known_as: str, *parts: str) -> str:
    """Return an id likewise for one of several messages, which these parts tell apart."""
    return _digest("\n".join((known_as, *parts)))


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:32]


def _in_brief(value: Any) -> Any:
    """Return what JSON can hold of a value, the same each time: of a long text its ends, of what is no JSON its type.

    It tells two requests of one delivery apart; a file is no place to look for their difference.
    """
    if isinstance(value, str) and len(value) > LONG:
        return [len(value), value[:LONG], value[-LONG:]]
    if isinstance(value, Mapping):
        return {str(name): _in_brief(each) for name, each in value.items()}
    if isinstance(value, list | tuple):
        return [_in_brief(each) for each in value]
    return value if value is None or isinstance(value, str | int | float) else type(value).__name__

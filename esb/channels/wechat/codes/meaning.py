"""What an errcode means: its class, which decides what happens next, and a line for the people who read it."""

from collections.abc import Mapping
from typing import Any, Literal, NamedTuple

from esb.core.errors import Message

Kind = Literal["ok", "token", "busy", "quota", "receiver", "message", "config", "held", "unknown"]
"""
    ok        accepted, which is not yet delivered
    token     the access token is dead; a fresh one may work, once
    busy      WeChat is busy; the same request may work in a moment
    quota     too much was sent; the same request may work when the window is over
    receiver  this receiver cannot be reached; others can
    message   the message is wrong
    config    the credential, its rights or its settings are wrong: an operator has to act
    held      WeChat keeps the message and delivers it later by itself
    unknown   a code that is in no table
"""

RETRYABLE: frozenset[Kind] = frozenset({"token", "busy", "quota"})
"""Nobody has to change anything: the same request may work later."""


class Meaning(NamedTuple):
    """`text`: cause and remedy, an English template, key of the catalogues. `{ip}`: our address as WeChat saw it."""

    kind: Kind
    text: str
    values: Mapping[str, Any] = {}

    def hint(self, **values: Any) -> Message:
        return Message(self.text, {**self.values, **values})


Table = Mapping[int, Meaning]

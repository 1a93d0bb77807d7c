"""Classes of the end of a request to a third-party system, as log and metrics name them."""

from typing import Literal

Kind = Literal["ok", "held", "token", "busy", "quota", "receiver", "message", "config", "unknown"]
"""
    ok        accepted, which is not yet delivered
    held      the platform keeps the message and delivers it later by itself
    token     the access token is dead; a fresh one may work, once
    busy      the platform is busy; the same request may work in a moment
    quota     too much was sent; the same request may work when the window is over
    receiver  this receiver cannot be reached; others can
    message   the message is wrong
    config    the credential, its rights or its settings are wrong: an operator has to act
    unknown   a code that is in no table
"""

UpstreamClass = Literal[Kind, "http", "network", "limited", "cancelled"]
"""Class of an answer; `http` or `network`, no usable answer or none at all; or the gateway's own doing."""

ACCEPTED: frozenset[Kind] = frozenset({"ok", "held"})
"""The platform took the message. Errcode 0 of a message that it read only in part has another class."""

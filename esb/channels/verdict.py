"""The meaning of a platform's answer: its class, which decides what happens next, and a line for those who read it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple

from esb.core.errors import EsbError, Message
from esb.core.reasons import Reason
from esb.outgoing.tokens.cache import TokenRefused

Kind = Literal["ok", "token", "busy", "quota", "receiver", "message", "config", "held", "unknown"]
"""
    ok        accepted, which is not yet delivered
    token     the access token is dead; a fresh one may work, once
    busy      the platform is busy; the same request may work in a moment
    quota     too much was sent; the same request may work when the window is over
    receiver  this receiver cannot be reached; others can
    message   the message is wrong
    config    the credential, its rights or its settings are wrong: an operator has to act
    held      the platform keeps the message and delivers it later by itself
    unknown   a code that is in no table
"""

ACCEPTED: frozenset[Kind] = frozenset({"ok", "held"})
"""The platform took the message. Errcode 0 of a message that it read only in part has another class."""
RETRYABLE: frozenset[Kind] = frozenset({"token", "busy", "quota"})
"""Nobody has to change anything: the same request may work later."""
FOR_ALL: frozenset[Kind] = frozenset({"config", "token"})
"""They concern the credential or its settings: the call's other messages would get them too."""


def advice(kind: str, *, retryable: bool = False, retry_after: float | None = None) -> dict[str, Any]:
    """Return what every channel's data tells of a failure: its class, and whether and when another try may help."""
    return {"class": kind, "retryable": retryable, "retry_after": retry_after}


IN_DOUBT = {"outcome": "unknown", "retryable": False}
"""Data of an answer as soon as anybody is unknown: a repetition could be the second message for them."""


class Meaning(NamedTuple):
    """A class, and a line: cause and remedy, an English template, key of the catalogues.

    `{ip}` in it is our address as the platform saw it.
    """

    kind: Kind
    text: str
    values: Mapping[str, Any] = {}

    def hint(self, **values: Any) -> Message:
        """Return the line for people, with these values filled in."""
        return Message(self.text, {**self.values, **values})


Table = Mapping[int, Meaning]
"""A platform's codes and their meanings."""


@dataclass(slots=True)
class Verdict:
    """An answer, judged. `retry_after`: seconds until the same request may work, None where that is not known."""

    errcode: int
    errmsg: str
    kind: Kind
    hint: Message
    retry_after: float | None = None

    @property
    def half_read(self) -> bool:
        """Nobody knows what the platform made of the message."""
        return self.errcode == 0 and self.kind not in ACCEPTED

    @property
    def retryable(self) -> bool:
        return self.kind in RETRYABLE

    def data(self) -> dict[str, Any]:
        """Return what an answer's data tells of it. The hint is a Message: only the rim knows the caller's language."""
        return {
            "errcode": self.errcode,
            "errmsg": self.errmsg,
            **advice(self.kind, retryable=self.retryable, retry_after=self.retry_after),
            "hint": self.hint,
        }


@dataclass(slots=True)
class JudgedAnswer:
    """A platform's answer to a message: the verdict on it, and its body."""

    verdict: Verdict
    body: Mapping[str, Any] = field(repr=False)


class Declined(EsbError):
    """A platform said no before anything was sent; the verdict tells why."""

    call_reason = Reason.REFUSED

    def __init__(self, verdict: Verdict) -> None:
        self.verdict = verdict
        super().__init__("{errmsg}", verdict.data(), errmsg=verdict.errmsg)


class CredentialDeclined(Declined, TokenRefused):
    """A platform does not accept this account, its secret, or our address."""

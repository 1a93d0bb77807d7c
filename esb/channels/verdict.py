"""The meaning of a platform's answer: its class, which decides what happens next, and a line for those who read it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from esb.core.errors import EsbError, Message
from esb.core.reasons import Reason
from esb.core.upstream_classes import ACCEPTED as ACCEPTED  # who judges an answer gives it one of these classes
from esb.core.upstream_classes import Kind as Kind
from esb.outgoing.tokens.cache import TokenRefused

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
    """An answer, judged. `retry_after`: seconds until the same request may work, None where that is not known.

    `in_doubt`: it is no yes, and yet the platform may have taken the message.
    """

    errcode: int
    errmsg: str
    kind: Kind
    hint: Message
    retry_after: float | None = None
    in_doubt: bool = False

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

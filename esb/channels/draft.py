"""A message as its author drafts it, and the vendor's answer to it: accepted, or rejected for some or for all."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from esb.channels.verdict import RETRYABLE, Kind, advice
from esb.core.errors import Refused


@dataclass(frozen=True, slots=True)
class Draft:
    """A message before it is sent: its receivers, and what is to be sent.

    `receivers` are addresses as the caller typed them; `users` are user names, whose addresses the directory knows.
    A message into a group has one receiver: any name for the group. `body` holds no secret, and no address of a user;
    a dry run shows it, and `endpoint`, the path or name of what is asked. `id`, once it is delivered: 32 digits
    that its repetitions share, for a vendor that drops these; see Component.repeat_seconds.
    """

    receivers: Sequence[str] = ()
    body: Mapping[str, Any] = field(default_factory=dict, repr=False)
    users: Sequence[str] = ()
    endpoint: str = ""
    id: str = ""

    def __post_init__(self) -> None:
        for name in ("receivers", "users"):
            if isinstance(getattr(self, name), str):  # a sequence of texts, too: of its letters
                raise TypeError(f"{name} of a Draft is a list of texts, not one text")


class Rejected(Refused):
    """A vendor's no: nothing was sent, to nobody or not to one receiver.

    `errcode` and `errmsg` are the vendor's own. Without a code (None) nobody knows what the vendor did, and the caller
    is told so. `kind` is the class of the refusal, which decides what happens next: "busy" and "quota" are tried again
    within the call's deadline, after `retry_after` seconds if the vendor named them; "token" and "config" stop the
    other messages of the call; "receiver", "message" and "unknown" concern this one alone.
    """

    def __init__(
        self, errcode: int | str | None, errmsg: str = "", kind: Kind = "unknown", *, retry_after: float | None = None
    ) -> None:
        self.errcode = errcode
        self.errmsg = errmsg
        self.kind = kind
        self.retry_after = retry_after
        told = advice(kind, retryable=kind in RETRYABLE, retry_after=retry_after)
        super().__init__("{errmsg}", {"errcode": errcode, "errmsg": errmsg, **told}, errmsg=errmsg)


@dataclass(frozen=True, slots=True)
class Sent:
    """A vendor's yes to a draft. Whoever is named neither in `failed` nor in `unknown` was accepted.

    `failed`: receiver -> the vendor's no for this one. `unknown`: receivers of whom the vendor did not say.
    `msgid`: the vendor's id of the message.
    """

    msgid: str = ""
    failed: Mapping[str, Rejected] = field(default_factory=dict)
    unknown: Collection[str] = ()

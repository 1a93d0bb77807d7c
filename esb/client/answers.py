"""The answers of components, typed."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Self, TypeGuard

RETRYABLE = frozenset({"busy", "quota", "token"})
"""Classes of failures in which the receiver was not reached and nothing has to be changed before another try."""


@dataclass(frozen=True, slots=True)
class Answer:
    """The answer of a component: its data, as JSON has it."""

    data: Any
    request_id: str = ""
    message: str = "OK"


@dataclass(frozen=True, slots=True)
class Missed:
    """A receiver whom the message did not reach.

    `errcode` is the code of the system that refused it, None if none was asked; `retry_after` in seconds, None if
    nobody knows; `pages_accepted` of `pages` parts of a long message were accepted before.
    """

    receiver: str
    errcode: int | str | None
    errmsg: str
    kind: str = ""
    retry_after: float | None = None
    pages_accepted: int = 0
    pages: int = 0

    @property
    def retryable(self) -> bool:
        """True if another try may reach this receiver, without any change."""
        return not self.pages_accepted and (self.kind in RETRYABLE or bool(self.retry_after))

    @classmethod
    def read(cls, entry: Mapping[str, Any]) -> Self:
        return cls(
            receiver=str(entry.get("receiver", "")),
            errcode=entry.get("errcode"),
            errmsg=str(entry.get("errmsg", "")),
            kind=str(entry.get("class", "")),
            retry_after=entry.get("retry_after"),
            pages_accepted=entry.get("pages_accepted", 0),
            pages=entry.get("pages", 0),
        )


@dataclass(frozen=True, slots=True)
class Warned:
    """A parameter of which the receivers will not see all: its name, and what is wrong."""

    parameter: str
    text: str


@dataclass(frozen=True, slots=True)
class Preview:
    """A request that a dry run would have sent: for whom, where to, and its body."""

    receivers: tuple[str, ...]
    endpoint: str
    body: Mapping[str, Any] = field(repr=False)


@dataclass(frozen=True, slots=True)
class Delivery:
    """A message that is accepted, and sent afterwards. `due` and `expires` are times as 2027-03-01T08:00:00Z."""

    id: str
    state: str
    due: str
    expires: str

    @classmethod
    def read(cls, data: Mapping[str, Any]) -> Self:
        return cls(*(str(data.get(name, "")) for name in ("id", "state", "due", "expires")))


@dataclass(frozen=True, slots=True)
class SendAnswer:
    """The fate of every receiver of a message, each as the caller named it.

    Each is accepted, failed (send it again to these only), or unknown: the message may have reached it. `held` are
    those of the accepted whose message is reviewed first; `invalid_usernames` are unknown to the directory. `replayed`:
    a call with the same idempotency key had this answer before. `delivery` is that of an asynchronous call, None of any
    other: there nobody is accepted yet. `data` is all that was answered last.
    """

    accepted: tuple[str, ...] = ()
    failed: tuple[Missed, ...] = ()
    unknown: tuple[str, ...] = ()
    held: tuple[str, ...] = ()
    msgids: tuple[str, ...] = ()
    invalid_usernames: tuple[str, ...] = ()
    warnings: tuple[Warned, ...] = ()
    previews: tuple[Preview, ...] = ()
    dry_run: bool = False
    replayed: bool = False
    delivery: Delivery | None = None
    request_id: str = ""
    data: Mapping[str, Any] = field(default_factory=dict, repr=False)

    @classmethod
    def read(cls, data: Mapping[str, Any], request_id: str) -> Self:
        """Read the data of a sending answer."""
        checked = data.get("username_check") or {}
        return cls(
            accepted=tuple(data.get("accepted", ())),
            failed=tuple(map(Missed.read, data.get("failed", ()))),
            unknown=tuple(data.get("unknown", ())),
            held=tuple(data.get("held", ())),
            msgids=tuple(data.get("msgids", ())),
            invalid_usernames=tuple(checked.get("invalid", ())),
            warnings=tuple(
                Warned(str(each.get("field", "")), str(each.get("what", each.get("text", ""))))
                for each in data.get("warnings", ())
                if isinstance(each, Mapping)
            ),
            previews=tuple(
                Preview(tuple(each["receivers"]), each["endpoint"], each["body"]) for each in data.get("messages", ())
            ),
            dry_run=data.get("dry_run", False),
            replayed=data.get("replayed", False),
            delivery=Delivery.read(data["delivery"]) if isinstance(data.get("delivery"), Mapping) else None,
            request_id=request_id,
            data=data,
        )


def tells_receivers(data: Any) -> TypeGuard[Mapping[str, Any]]:
    """Return True if the data of an answer, or of a failure, tells whom a message reached."""
    return isinstance(data, Mapping) and {"accepted", "failed", "unknown"} <= data.keys()

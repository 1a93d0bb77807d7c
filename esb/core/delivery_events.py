"""Events of deliveries: ends of attempts, holds, reports to apps and by platforms, and calls that went unrecorded."""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class DeliveryAttempted:
    """An attempt of a delivery has ended. `id`: that of the request that it was accepted with.

    `state` is that of the delivery now, and `attempts` the number of those that count; `accepted`, `failed` and
    `unknown` are numbers of receivers of whom something is known now. `failure`: the class of what went wrong, "" for
    nothing. `waited`: the seconds from the moment at which it was due until it began.
    """

    id: str
    delivery: str
    app: str
    component: str
    state: str
    attempts: int
    accepted: int
    failed: int
    unknown: int
    failure: str
    seconds: float
    waited: float


@dataclass(frozen=True, slots=True)
class CredentialHeld:
    """Deliveries of a credential are held back, since it does not work: `reason`; or, if that is "", no longer."""

    credential: str
    reason: str


@dataclass(frozen=True, slots=True)
class LedgerDropped:
    """So many synchronous calls are not recorded: the database was away for too long, or did not take them."""

    calls: int


CallbackOutcome = Literal["told", "retried", "given up", "switched off"]
"""The end of an attempt to call back: its receiver took it; it comes again; it never does; nothing comes there any
more."""


@dataclass(frozen=True, slots=True)
class CallbackTried:
    """An attempt has ended to tell an app what became of a delivery: which one it was, and why it failed, if it did.

    `kind` is the type of what was to be told, such as delivery.done.
    """

    app: str
    callback: str
    delivery: str
    kind: str
    outcome: CallbackOutcome
    attempt: int
    why: str


ReceiptOutcome = Literal["delivered", "failed", "repeated", "unmatched", "refused"]
"""The use of receipts: the receiver has the message, or has not; it was known; nobody knows the message; and not
genuine."""


@dataclass(frozen=True, slots=True)
class ReceiptsTaken:
    """A platform has reported to this component, by so many receipts with the same outcome, what became of messages.

    `why`: the reason for which they were refused.
    """

    component: str
    outcome: ReceiptOutcome
    number: int
    why: str = ""


DeliveryEvent = DeliveryAttempted | CredentialHeld | CallbackTried | ReceiptsTaken | LedgerDropped

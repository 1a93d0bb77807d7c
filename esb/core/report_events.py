"""Events of reports: apps are told what became of their deliveries, and platforms tell what became of messages."""

from dataclasses import dataclass
from typing import Literal

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


ReportEvent = CallbackTried | ReceiptsTaken

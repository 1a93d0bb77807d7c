"""Events of deliveries: an attempt has ended, and a credential is held back."""

from dataclasses import dataclass

from esb.core.report_events import ReportEvent


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


DeliveryEvent = DeliveryAttempted | CredentialHeld | ReportEvent

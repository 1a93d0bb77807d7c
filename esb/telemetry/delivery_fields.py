"""The fields of the log's lines about deliveries, and what is reported of them."""

from collections.abc import Callable, Mapping
from typing import Any

from esb.core.delivery_events import CallbackTried, CredentialHeld, DeliveryAttempted, LedgerDropped, ReceiptsTaken
from esb.core.delivery_states import DeliveryState
from esb.telemetry.log_text import writable

GOOD = frozenset({DeliveryState.DONE.word, DeliveryState.QUEUED.word})
"""States after an attempt for which nobody has to do anything."""
UNUSED = frozenset({"unmatched", "refused"})
"""The outcomes of receipts that tell nothing of any message; see ReceiptsTaken."""


def _attempt(event: DeliveryAttempted) -> dict[str, Any]:
    fields = {
        "request_id": event.id,
        "delivery": event.delivery,
        "app": event.app,
        "component": event.component,
        "state": event.state,
        "attempts": event.attempts,
        "accepted": event.accepted,
        "failed": event.failed,
        "unknown": event.unknown,
        "ms": round(event.seconds * 10_000) / 10,
        "waited": round(event.waited, 3),
        "event": "delivery",
        "level": "info" if event.state in GOOD else "warning",
    }
    return fields | {"class": event.failure} if event.failure else fields


def _held(event: CredentialHeld) -> dict[str, Any]:
    if event.reason:
        return {"credential": event.credential, "why": event.reason, "event": "credential held", "level": "error"}
    return {"credential": event.credential, "event": "credential released", "level": "info"}


def _callback(event: CallbackTried) -> dict[str, Any]:
    fields = {
        "app": event.app,
        "callback": event.callback,
        "delivery": event.delivery,
        "type": event.kind,
        "outcome": event.outcome,
        "attempt": event.attempt,
        "event": "callback",
        "level": {"told": "info", "retried": "warning"}.get(event.outcome, "error"),
    }
    return fields | {"failure": writable(event.why)} if event.why else fields


def _receipts(event: ReceiptsTaken) -> dict[str, Any]:
    fields = {
        "component": event.component,
        "outcome": event.outcome,
        "number": event.number,
        "event": "receipts",
        "level": "warning" if event.outcome in UNUSED else "info",
    }
    return fields | {"failure": writable(event.why)} if event.why else fields


def _ledger(event: LedgerDropped) -> dict[str, Any]:
    return {"calls": event.calls, "event": "ledger dropped", "level": "error"}


DELIVERY_FIELDS: Mapping[type, Callable[[Any], dict[str, Any]]] = {
    DeliveryAttempted: _attempt,
    CredentialHeld: _held,
    CallbackTried: _callback,
    ReceiptsTaken: _receipts,
    LedgerDropped: _ledger,
}
"""Class of an event -> function that returns the fields of its line."""

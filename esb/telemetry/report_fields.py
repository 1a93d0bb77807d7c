"""The fields of the log's lines about what is reported: to apps, by callbacks, and by platforms, in receipts."""

from collections.abc import Callable, Mapping
from typing import Any

from esb.core.report_events import CallbackTried, ReceiptsTaken
from esb.telemetry.log_text import writable

UNUSED = frozenset({"unmatched", "refused"})
"""The outcomes of receipts that tell nothing of any message; see ReceiptsTaken."""


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


REPORT_FIELDS: Mapping[type, Callable[[Any], dict[str, Any]]] = {CallbackTried: _callback, ReceiptsTaken: _receipts}
"""Class of an event -> function that returns the fields of its line."""

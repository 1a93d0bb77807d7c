"""HTTP statuses of failures, for callers who look at nothing else: alert managers, and other senders of webhooks.

They come again after a 5xx and give up after a 4xx. So 503 is for what the same call may bring about later: nothing has
left yet, and what stopped it passes. All else is final, also what may have arrived: a repetition is only told so again.
"""

from esb.core.errors import (
    AuthenticationError,
    EsbError,
    GatewayJwtError,
    Inactive,
    Limited,
    PermissionDenied,
    UpstreamError,
)

OK = 200
CRASHED = 500
REFUSED = 422
"""A channel said no, or nobody knows what it did."""
LATER = 503
_FINAL: tuple[tuple[type[EsbError], int], ...] = (
    (AuthenticationError, 401),
    (GatewayJwtError, 401),
    (PermissionDenied, 403),
    (Inactive, 404),
)


def status_of(error: EsbError, *, sent: bool) -> int:
    """Return the status that tells of this failure. `sent`: a message may have left."""
    if error.status != OK:
        return error.status
    if not sent and _passes(error):
        return LATER
    for kind, status in _FINAL:
        if isinstance(error, kind):
            return status
    return 400 if error.source == "caller" else REFUSED


def retry_after(error: EsbError) -> float | None:
    """Return the seconds after which to come again; None where nobody knows."""
    seconds = error.retry_after if isinstance(error, Limited) else _said(error, "retry_after")
    return seconds if isinstance(seconds, int | float) else None


def _passes(error: EsbError) -> bool:
    """Return True if the same call may do better later."""
    advised = _said(error, "retryable")
    if isinstance(advised, bool):
        return advised
    return isinstance(error, Limited) or (isinstance(error, UpstreamError) and error.transient)


def _said(error: EsbError, name: str) -> object:
    return error.data.get(name) if isinstance(error.data, dict) else None

"""Retry-After: when an upstream that takes nothing now will do better (RFC 9110, 10.2.3; RFC 6585, 4)."""

import time
from email.utils import parsedate_to_datetime

from esb.core.errors import QuotaUsedUp, template
from esb.outgoing.engine import Answer, Target

TOO_MANY_REQUESTS = 429
UNTOLD_SECONDS = 1.0
"""Seconds after which to try again, where an upstream that takes no more does not say."""
LONGEST_SECONDS = 24 * 3600.0
NOTHING_YET = template("The third-party system [{system}] takes no more requests for now, please try again later")
"""The text for one that says only that it takes no more."""


def too_many_requests(target: Target, answer: Answer, reason: str = "") -> QuotaUsedUp:
    """Make the error for an answer of status 429, with the upstream's own reason if it gave one."""
    seconds = retry_after(answer.headers.get("Retry-After"))
    seconds = UNTOLD_SECONDS if seconds is None else seconds
    if reason:
        return QuotaUsedUp("{reason}", seconds, reason=reason)
    return QuotaUsedUp(NOTHING_YET, seconds, system=target.system)


def retry_after(value: str | None) -> float | None:
    """Return the seconds that the header Retry-After tells, as such or as a date; None if it tells none."""
    if value is None:
        return None
    value = value.strip()
    if value.isascii() and value.isdigit():
        return float(min(int(value[:9]), LONGEST_SECONDS))
    try:
        seconds = parsedate_to_datetime(value).timestamp() - time.time()
    except (ValueError, TypeError, OverflowError):
        return None
    return float(min(max(round(seconds), 0), LONGEST_SECONDS))

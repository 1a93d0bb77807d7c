"""Moments: a time with its zone, or a date, which ends with its last second; in commands also so long from now."""

import math
import re
from datetime import UTC, date, datetime, time
from typing import Annotated, Any

from pydantic import Field, PlainValidator

from esb.core.messages import template

DATE = r"[0-9]{4}-[0-9]{2}-[0-9]{2}"
MOMENT = rf"^{DATE}([Tt ][0-9]{{2}}:[0-9]{{2}}:[0-9]{{2}}(\.[0-9]+)?([Zz]|[+-][0-9]{{2}}:[0-9]{{2}}))?$"
"""RFC 3339, section 5.6: a date-time, or a full-date alone."""
SPAN = re.compile(r"([0-9]{1,6})([smhdw])")
SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}
EXPECTED = template("expected a time such as 2026-12-31T18:00:00+08:00, or a date such as 2026-12-31, in quotes or not")
EXPECTED_OR_SPAN = template(
    "expected a time such as 2026-12-31T18:00:00+08:00, or a date such as 2026-12-31, in quotes or not, or so long "
    "from now: 90d, 12h"
)


def _moment(value: Any) -> datetime:
    if isinstance(value, datetime):
        return value
    if not isinstance(value, str) or re.fullmatch(MOMENT, value) is None:
        raise ValueError(EXPECTED)
    try:
        if re.fullmatch(DATE, value):
            found = _end_of(date.fromisoformat(value))
        else:
            found = datetime.fromisoformat(value.upper())
        found.timestamp()
    except (ValueError, OverflowError):
        raise ValueError(EXPECTED) from None
    return found


def _end_of(day: date) -> datetime:
    """Return the end of this day by the machine's zone, as dates in messages."""
    end = datetime.combine(day, time.max)
    try:
        return end.astimezone()
    except (ValueError, OverflowError):  # some versions of Python look a day further, which is beyond the calendar
        return end.replace(tzinfo=UTC)


Moment = Annotated[datetime, PlainValidator(_moment, json_schema_input_type=Annotated[str, Field(pattern=MOMENT)])]
"""A moment, always with a zone. That of a date alone is the end of that day where the machine is (TZ)."""


def span(text: str) -> int | None:
    """Return the seconds of so long a time as 90d, 12h, 30m, 45s or 2w; None if it is none."""
    found = SPAN.fullmatch(text)
    return None if found is None else int(found[1]) * SECONDS[found[2]]


def milliseconds(seconds: float) -> int:
    """Return a moment as the database keeps it, in milliseconds since 1970; of those here, the second that is shown."""
    return math.floor(seconds) * 1000


def instant(text: str, now: float) -> int:
    """Return a moment as `milliseconds` does: a time, a date (its end), or so long after now: 90d. ValueError.

    `now`: in seconds since 1970.
    """
    seconds = span(text)
    if seconds is not None:
        return milliseconds(now + seconds)
    try:
        return milliseconds(_moment(text).timestamp())
    except ValueError:
        raise ValueError(EXPECTED_OR_SPAN) from None


def instant_past(text: str, now: float) -> int:
    """Return a moment likewise, but one that is so long before now: 90d. ValueError."""
    seconds = span(text)
    return instant(text, now) if seconds is None else milliseconds(now - seconds)

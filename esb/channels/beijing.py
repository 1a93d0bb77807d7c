"""The day in Beijing, at whose end the daily quotas of Chinese platforms open again."""

import math
from datetime import UTC, datetime, timedelta, timezone

_BEIJING = timezone(timedelta(hours=8))


def seconds_to_midnight(now: datetime | None = None) -> int:
    """Return the whole seconds, at least one, until the day of `now`, which has a time zone, ends in Beijing."""
    moment = (now or datetime.now(UTC)).astimezone(_BEIJING)
    midnight = (moment + timedelta(days=1)).replace(hour=0, minute=0, second=0, microsecond=0)
    return math.ceil((midnight - moment).total_seconds())

"""The day in Beijing, at whose end the daily quotas of Chinese platforms open again."""

from datetime import UTC, datetime, timedelta, timezone

_BEIJING = timezone(timedelta(hours=8))


def seconds_to_midnight(now: datetime | None = None) -> int:
    """Return the seconds until the day ends in Beijing, counted from `now`, which has a time zone."""
    moment = (now or datetime.now(UTC)).astimezone(_BEIJING)
    midnight = (moment + timedelta(days=1)).replace(hour=0, minute=0, second=0, microsecond=0)
    return round((midnight - moment).total_seconds())

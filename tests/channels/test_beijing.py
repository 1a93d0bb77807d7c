"""The end of the day in Beijing."""

from datetime import UTC, datetime, timedelta, timezone

import pytest

from esb.channels.beijing import seconds_to_midnight


@pytest.mark.parametrize(
    ("now", "seconds"),
    [
        (datetime(2026, 2, 28, 15, 59, 59, tzinfo=UTC), 1),
        (datetime(2026, 2, 28, 15, 59, 59, 999_999, tzinfo=UTC), 1),
        (datetime(2026, 2, 28, 16, 0, tzinfo=UTC), 24 * 3600),
        (datetime(2026, 2, 28, 11, 0, tzinfo=UTC), 5 * 3600),
        (datetime(2026, 2, 28, 19, 0, tzinfo=timezone(timedelta(hours=8))), 5 * 3600),
    ],
)
def test_the_day_ends_at_midnight_in_beijing_wherever_the_gateway_runs(now: datetime, seconds: int) -> None:
    assert seconds_to_midnight(now) == seconds

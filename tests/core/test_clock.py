"""Moments as texts."""

import math

import pytest

from esb.core.clock import utc_text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.9, "1970-01-01T00:00:00Z"),
        (-0.5, "1969-12-31T23:59:59Z"),
        (253402300799.5, "9999-12-31T23:59:59Z"),
        (253402300800.0, "9999-12-31T23:59:59Z"),  # the end of that day in a float, or that year west of Greenwich
        (-62135625600.0, "0001-01-01T00:00:00Z"),  # that year east of it
        (math.inf, "9999-12-31T23:59:59Z"),
    ],
)
def test_a_moment_beyond_the_calendar_is_the_last_one_in_it(seconds: float, text: str) -> None:
    assert utc_text(seconds) == text

"""Values as pages write them."""

import time

import pytest

from esb.portal.formats import ago, moment

NOON = 1_800_000_000_000
"""2027-01-15T08:00:00Z."""
HOUR = 3600_000


@pytest.mark.parametrize("when", [NOON, "2027-01-15T08:00:00Z"])
def test_a_moment_is_in_utc_however_it_is_told(when: int | str) -> None:
    assert moment("en", when) == "2027-01-15 08:00:00"


def test_how_long_ago_is_said_in_the_largest_unit() -> None:
    now = int(time.time() * 1000)
    assert ago("en", now - 3 * HOUR - 60_000) == "3 h ago"
    assert ago("zh-hans", now - 49 * HOUR).startswith("2 ")
    assert ago("en", now + 25 * HOUR) == "in 1 d"
    assert (ago("en", None), moment("en", None)) == ("–", "–")

"""Moments as commands and bodies name them: by themselves, or so long from now."""

import pytest

from esb.config.moment import instant, instant_past, span

NOW = 1_800_000_000.0
"""2027-01-15T08:00:00Z."""


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("45s", 45), ("30m", 1800), ("12h", 43_200), ("90d", 7_776_000), ("2w", 1_209_600), ("0s", 0)],
)
def test_so_long_a_time_is_read(text: str, seconds: int) -> None:
    assert span(text) == seconds
    assert instant(text, NOW + 0.9) == (NOW + seconds) * 1000
    assert instant_past(text, NOW + 0.9) == (NOW - seconds) * 1000


@pytest.mark.parametrize("text", ["", "90", "d", "-1d", "1.5h", "90D", " 90d", "90d ", "9999999d", "1h30m"])
def test_any_other_text_is_no_time(text: str) -> None:
    assert span(text) is None
    with pytest.raises(ValueError, match="or so long from now: 90d, 12h"):
        instant(text, NOW)


def test_a_moment_stands_for_itself() -> None:
    assert instant("2027-01-15T16:00:01+08:00", NOW) == (NOW + 1) * 1000
    assert instant_past("2027-01-15T16:00:01.7+08:00", NOW) == (NOW + 1) * 1000


def test_a_date_is_its_end() -> None:
    assert NOW * 1000 < instant("2027-01-16", NOW) < (NOW + 3 * 86_400) * 1000


@pytest.mark.parametrize("text", ["2027-01-15T16:00:01", "2027-02-30", "tomorrow"])
def test_a_moment_without_its_zone_is_none(text: str) -> None:
    with pytest.raises(ValueError, match="expected a time such as"):
        instant(text, NOW)

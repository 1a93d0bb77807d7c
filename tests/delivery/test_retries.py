"""When a delivery is tried again."""

import pytest

from esb.delivery.retries import pause


@pytest.mark.parametrize(
    ("attempts", "seconds"), [(1, 5), (2, 30), (3, 120), (4, 600), (5, 1800), (6, 3600), (7, 3600), (99, 3600)]
)
def test_a_busy_platform_is_asked_later_and_later(attempts: int, seconds: float) -> None:
    drawn = {pause("busy", attempts, None) for _ in range(50)}
    assert len(drawn) > 1
    assert 0.8 * seconds <= min(drawn)
    assert max(drawn) <= 1.2 * seconds


def test_a_platform_that_says_when_is_not_asked_before(monkeypatch: pytest.MonkeyPatch) -> None:
    assert pause("busy", 1, 40.0) == 40
    assert pause("quota", 3, 7.5) == 7.5
    assert pause("quota", 3, None) == 60


def test_a_dead_token_is_tried_again_soon_once() -> None:
    assert pause("token", 1, None) == 1
    assert pause("token", 1, 4.0) == 4
    assert pause("token", 2, 4.0) >= 24

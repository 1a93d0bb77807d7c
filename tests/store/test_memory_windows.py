"""Moving windows in memory do not grow beyond their bounds."""

import pytest

from esb.store.memory_windows import SlidingWindows
from esb.store.protocol import Rule, Taken, Window

MINUTE = [Rule(10, 60)]


def test_the_keys_used_least_recently_go_first() -> None:
    windows = SlidingWindows(2, 1000)
    for key in ("a", "b", "a", "c"):
        windows.take(key, 0.0, MINUTE)
    assert windows.take("a", 0.0, MINUTE).windows[0].left == 7
    assert windows.take("b", 0.0, MINUTE).windows[0].left == 9


def test_not_more_is_counted_in_all_than_there_is_room_for() -> None:
    windows = SlidingWindows(1000, 20)
    for key in "abc":
        for _ in range(10):
            windows.take(key, 0.0, MINUTE)
    assert windows.take("b", 0.0, MINUTE).over == (0,)
    assert windows.take("c", 0.0, MINUTE).over == (0,)
    assert windows.take("a", 0.0, MINUTE).windows[0].left == 9


def test_what_has_left_its_window_takes_no_room() -> None:
    windows = SlidingWindows(10, 1000)
    for second in range(10_000):
        assert windows.take("a", second * 10.0, MINUTE).over == ()
    assert windows._number == len(windows._keys["a"]) < 20


def test_a_rule_that_became_stricter_holds_at_once() -> None:
    windows = SlidingWindows(10, 1000)
    for _ in range(10):
        windows.take("a", 0.0, MINUTE)
    taken = windows.take("a", 30.0, [Rule(4, 60)])
    assert (taken.over, taken.windows[0].left, taken.windows[0].seconds) == ((0,), 0, 30.0)


def left(windows: SlidingWindows, key: str) -> int:
    """Take a permit, and return how many are left."""
    return windows.take(key, 0.0, MINUTE).windows[0].left


@pytest.mark.parametrize(
    ("key", "lefts"),
    [("a", [7, 9]), ("b", [8, 9])],  # the fourth is one too many: the other key goes
)
def test_a_permit_that_was_given_back_takes_no_room_and_no_more_than_that(key: str, lefts: list[int]) -> None:
    windows = SlidingWindows(10, 3)
    for taken in "aab":
        windows.take(taken, 0.0, MINUTE)
    for given_back in ("b", "b", "never"):
        windows.give_back(given_back)
    assert left(windows, "b") == 9  # as many as there is room for
    assert [left(windows, key), left(windows, "a" if key == "b" else "b")] == lefts


def test_a_key_that_was_forgotten_makes_room_for_its_permits() -> None:
    windows = SlidingWindows(2, 4)
    for key in ("a", "a", "b", "c", "c"):
        windows.take(key, 0.0, MINUTE)
    assert left(windows, "b") == 8
    assert windows._number == 4


def test_a_key_that_is_alone_is_counted_however_little_room_there_is() -> None:
    windows = SlidingWindows(10, 3)
    assert [left(windows, "a") for _ in range(5)] == [9, 8, 7, 6, 5]
    assert left(windows, "b") == 9
    assert left(windows, "a") == 9


def test_only_a_permit_within_the_window_of_a_rule_counts_for_it() -> None:
    windows = SlidingWindows(10, 1000)
    rules = [Rule(2, 10), Rule(3, 60)]
    for now in (0.0, 5.0):
        assert windows.take("a", now, rules).over == ()
    assert windows.take("a", 9.0, rules) == Taken((Window(0, 1.0), Window(1, 51.0)), (0,))
    assert windows.take("a", 10.0, rules) == Taken((Window(0, 5.0), Window(0, 50.0)), ())
    assert windows.take("a", 59.0, rules) == Taken((Window(2, 0.0), Window(0, 1.0)), (1,))

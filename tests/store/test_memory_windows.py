"""Moving windows in memory do not grow beyond their bounds."""

from esb.store.memory_windows import SlidingWindows
from esb.store.protocol import Rule

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

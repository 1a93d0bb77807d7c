"""Values in memory: each until its end, and all of them within the bytes they may take."""

import tracemalloc

import pytest

from esb.store.memory_values import OVERHEAD, Value, Values
from esb.store.protocol import ShareFull
from tests.support.clock import Clock


def values_for(number: int) -> tuple[Values, Clock]:
    """Room for so many short values."""
    clock = Clock()
    return Values(clock, number * (OVERHEAD + 1)), clock


def fill(values: Values, clock: Clock, app: str, numbers: range, seconds: float) -> None:
    """Put a small value of this app under each number, for so many seconds."""
    for number in numbers:
        values.put(f"idempotency:{app}:{number}", Value(b"x", clock() + seconds, ""))


def kept(values: Values, keys: str) -> str:
    """Those of these keys for which there is a value."""
    return "".join(key for key in keys if values.current(key) is not None)


def put(values: Values, clock: Clock, keys: str, seconds: float = 60, raw: bytes = b"x") -> None:
    for key in keys:
        values.put(key, Value(raw, clock() + seconds, key))


def test_what_is_used_least_recently_makes_room_for_what_comes() -> None:
    values, clock = values_for(3)
    put(values, clock, "abc")
    values.current("a")
    put(values, clock, "d")
    assert kept(values, "abcd") == "acd"


def test_what_is_kept_in_place_of_another_takes_its_room() -> None:
    values, clock = values_for(3)
    put(values, clock, "abaaaac")
    assert kept(values, "abc") == "abc"


def test_what_is_dropped_makes_room() -> None:
    values, clock = values_for(3)
    put(values, clock, "abc")
    values.drop("b")
    values.drop("b")
    put(values, clock, "d")
    assert kept(values, "abcd") == "acd"


def test_a_value_is_kept_until_its_end() -> None:
    values, clock = values_for(3)
    put(values, clock, "a", seconds=60)
    put(values, clock, "b", seconds=1)
    clock.advance(1)
    assert kept(values, "ab") == "a"
    assert values.taken == OVERHEAD + 1


def test_what_has_ended_does_not_pile_up() -> None:
    values, clock = values_for(1000)
    for number in range(500):
        clock.advance(1)
        values.put(str(number), Value(b"x", clock() + 50, ""))
    assert values.taken <= 51 * (OVERHEAD + 1)


def test_what_is_larger_than_all_of_the_room_takes_none() -> None:
    values, clock = values_for(3)
    put(values, clock, "abc")
    put(values, clock, "d", raw=b"x" * (3 * OVERHEAD + 10))
    assert kept(values, "abcd") == "abc"


def test_an_app_that_fills_its_share_gets_no_more_and_nobody_loses_a_value() -> None:
    values, clock = values_for(10)
    put(values, clock, "ab")
    for name in ("x:0", "x:1", "y:0"):
        values.put(f"idempotency:{name}", Value(b"x", clock() + 60, ""))
    fill(values, clock, "z", range(2), 60)
    for number in range(2, 100):
        with pytest.raises(ShareFull) as full:
            fill(values, clock, "z", range(number, number + 1), 60)
        assert full.value.seconds == 60
    names = [key.removeprefix("idempotency:") for key in values]
    assert names == ["a", "b", "x:0", "x:1", "y:0", "z:0", "z:1"]
    fill(values, clock, "w", range(1), 60)
    assert len(values) == 8


def test_what_has_ended_makes_room_in_a_full_share_though_it_was_used_last() -> None:
    values, clock = values_for(20)
    fill(values, clock, "a", range(2), 1e6)
    fill(values, clock, "a", range(2, 10), 60)
    clock.advance(60)
    values.put("idempotency:a:10", Value(b"x" * 5 * OVERHEAD, clock() + 60, ""))
    assert {"idempotency:a:0", "idempotency:a:1", "idempotency:a:10"} <= set(values)


def test_keys_that_are_given_up_again_take_no_memory() -> None:
    """An app whose calls fail claims keys and gives them up, for a day and without an end."""
    values, clock = values_for(10)
    fill(values, clock, "a", range(1), 1e6)
    tracemalloc.start()
    try:
        for number in range(20_000):
            fill(values, clock, "a", range(number + 1, number + 2), 1e6)
            values.drop(f"idempotency:a:{number + 1}")
        taken, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert taken < 500_000
    assert list(values) == ["idempotency:a:0"]


def test_values_that_are_put_anew_again_and_again_still_leave_at_their_ends() -> None:
    values, clock = values_for(20)
    for number in range(3000):
        fill(values, clock, "a", range(2), 60 + number)
    fill(values, clock, "a", range(2, 9), 60)
    clock.advance(60)
    values.put("idempotency:a:9", Value(b"x" * 5 * OVERHEAD, clock() + 60, ""))
    assert {"idempotency:a:0", "idempotency:a:1", "idempotency:a:9"} <= set(values)


def test_a_value_that_grows_beyond_its_share_leaves_the_one_before() -> None:
    values, clock = values_for(4)
    fill(values, clock, "a", range(2), 60)
    with pytest.raises(ShareFull):
        values.put("idempotency:a:0", Value(b"xx", clock() + 60, ""))
    value = values.current("idempotency:a:0")
    assert value is not None
    assert value.raw == b"x"


def test_the_ended_values_of_an_app_that_never_comes_again_make_room() -> None:
    values, clock = values_for(100)
    fill(values, clock, "a", range(20), 60)
    clock.advance(60)
    fill(values, clock, "b", range(10), 60)
    assert len(values) == 10


def test_a_value_too_long_for_its_share_is_not_kept_and_harms_no_other() -> None:
    values, clock = values_for(10)
    put(values, clock, "abc")
    with pytest.raises(ShareFull):
        values.put("idempotency:a:0", Value(b"x" * 4 * OVERHEAD, clock() + 60, ""))
    assert list(values) == ["a", "b", "c"]
    assert values.taken == 3 * (OVERHEAD + 1)


def test_a_value_that_takes_all_of_the_room_is_kept() -> None:
    values, clock = values_for(1)
    put(values, clock, "a")
    assert kept(values, "a") == "a"
    put(values, clock, "b", raw=b"xx")
    assert kept(values, "ab") == "a"


def test_the_ended_values_of_an_app_make_room_though_others_have_been_idle_for_longer() -> None:
    values, clock = values_for(100)
    values.put("idempotency:idle:0", Value(b"x", clock() + 1e6, ""))
    for number in range(200):
        clock.advance(1)
        values.put(f"idempotency:busy:{number}", Value(b"x", clock() + 5, ""))
    assert len(values) <= 1 + 6


def test_the_app_that_has_been_idle_longest_is_cleared_of_ended_values_and_not_the_first_one() -> None:
    values, clock = values_for(100)
    values.put("idempotency:busy:0", Value(b"x", clock() + 1e6, ""))
    fill(values, clock, "idle", range(20), 60)
    clock.advance(60)
    fill(values, clock, "busy", range(1, 12), 1e6)
    assert len(values) == 12


def test_an_app_without_values_keeps_nobody_from_being_cleared() -> None:
    values, clock = values_for(100)
    values.put("idempotency:gone:0", Value(b"x", clock() + 60, ""))
    fill(values, clock, "idle", range(20), 60)
    values.drop("idempotency:gone:0")
    clock.advance(60)
    fill(values, clock, "busy", range(11), 60)
    assert len(values) == 11


def test_few_values_leave_with_each_that_comes_and_more_than_come() -> None:
    values, clock = values_for(100)
    put(values, clock, "abcdefgh")
    clock.advance(60)
    sizes = []
    for key in "1234":
        put(values, clock, key)
        sizes.append(len(values))
    assert sizes == [5, 2, 3, 4]  # two of its own share leave, and two of the one idle longest, which is the same here

"""Values in memory: each until its end, and all of them within the bytes they may take."""

from esb.store.memory_values import OVERHEAD, Value, Values
from tests.support.clock import Clock


def values_for(number: int) -> tuple[Values, Clock]:
    """Room for so many short values."""
    clock = Clock()
    return Values(clock, number * (OVERHEAD + 1)), clock


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

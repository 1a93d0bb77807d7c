"""A memory with an end."""

from esb.core.lru import Recent


def filled(*names: str, size: int = 3) -> Recent[str, int]:
    recent: Recent[str, int] = Recent(size)
    for number, name in enumerate(names):
        recent[name] = number
    return recent


def test_what_is_kept_is_found_and_what_is_not_is_none() -> None:
    assert [filled("a", "b").used(name) for name in ("a", "b", "c")] == [0, 1, None]


def test_the_first_to_go_is_what_was_used_least_recently() -> None:
    recent = filled("a", "b", "c")
    recent.used("a")
    recent["d"] = 3
    assert list(recent) == ["c", "a", "d"]


def test_who_is_written_again_is_used_and_takes_no_more_room() -> None:
    recent = filled("a", "b", "c")
    recent["a"] = 7
    recent["d"] = 3
    assert list(recent.items()) == [("c", 2), ("a", 7), ("d", 3)]


def test_a_look_by_get_is_no_use() -> None:
    recent = filled("a", "b", "c")
    assert recent.get("a") == 0
    recent["d"] = 3
    assert "a" not in recent


def test_what_was_dropped_makes_room() -> None:
    recent = filled("a", "b", "c")
    del recent["b"]
    recent["d"] = 3
    assert list(recent) == ["a", "c", "d"]

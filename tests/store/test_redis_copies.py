"""Copies of what the shared store keeps: good for a while, unless a change is heard."""

import pytest

from esb.store.protocol import Kept
from esb.store.redis_copies import LONGEST_SECONDS, SIZE, Copies
from tests.support.clock import Clock

ONE = Kept(b"one", 100.0, "1")


@pytest.fixture
def copies(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> Copies:
    monkeypatch.setattr("esb.store.redis_copies.time.monotonic", clock)
    return Copies()


def test_a_copy_ages_and_is_looked_up_again_after_a_minute(copies: Copies, clock: Clock) -> None:
    copies.keep("a", ONE, 0)
    clock.advance(LONGEST_SECONDS - 1)
    assert copies.find("a") == (True, Kept(b"one", 100.0 - LONGEST_SECONDS + 1, "1"))
    clock.advance(1)
    assert copies.find("a") == (False, None)


def test_a_copy_is_not_used_beyond_the_end_of_what_it_copies(copies: Copies, clock: Clock) -> None:
    copies.keep("a", Kept(b"one", 5.0, "1"), 0)
    clock.advance(4.5)
    assert copies.find("a")[0]
    clock.advance(0.5)
    assert copies.find("a") == (False, None)


def test_that_there_is_nothing_is_known_for_a_while_too(copies: Copies, clock: Clock) -> None:
    assert copies.find("a") == (False, None)
    copies.keep("a", None, 0)
    assert copies.find("a") == (True, None)
    clock.advance(LONGEST_SECONDS)
    assert copies.find("a") == (False, None)


@pytest.mark.parametrize(("kept", "version", "stays"), [(ONE, "1", True), (ONE, "2", False), (None, "1", False)])
def test_a_change_ends_the_copy_of_anything_else(copies: Copies, kept: Kept | None, version: str, stays: bool) -> None:
    copies.keep("a", kept, 0)
    copies.change("b", version)
    assert copies.find("a") == (True, kept)
    copies.change("a", version)
    assert copies.find("a")[0] is stays


def test_what_was_read_while_a_change_was_heard_is_no_copy(copies: Copies) -> None:
    heard = copies.heard
    copies.change("b", "2")
    copies.keep("a", ONE, heard)
    assert copies.find("a") == (False, None)
    copies.keep("a", ONE, copies.heard)
    heard = copies.heard
    copies.clear()
    assert copies.find("a") == (False, None)
    copies.keep("a", ONE, heard)
    assert copies.find("a") == (False, None)


def test_the_copies_used_least_recently_go_first(copies: Copies) -> None:
    for number in range(SIZE):
        copies.keep(str(number), ONE, 0)
    assert copies.find("0")[0]
    copies.keep("new", ONE, 0)
    assert [copies.find(key)[0] for key in ("0", "1", "2", "new")] == [True, False, True, True]

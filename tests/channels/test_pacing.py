"""Pacing: in no window do more messages arrive at a receiver than the platform delivers, however late they are."""

from collections.abc import Sequence
from typing import Any

import pytest

from esb.channels.message import OutboundMessage
from esb.channels.pacing import ARRIVING_SECONDS, LOOK_SECONDS, SENDING_SECONDS, Pace, Turn
from esb.store.memory import MemoryStore
from tests.support.calls import make_call
from tests.support.clock import Clock


def message(*receivers: str, pages: int = 1) -> OutboundMessage:
    return OutboundMessage(receivers, "/send", [{"page": number} for number in range(pages)], {})


def make_pace(clock: Clock, limit: int = 1) -> Pace:
    return Pace(MemoryStore(clock, 100), "app", limit, "too many")


async def booked(
    pace: Pace, *messages: OutboundMessage, timeout: float = 30.0, **more: Any
) -> tuple[list[Turn], dict[str, float]]:
    turns, late = await pace.turns(make_call(timeout=timeout), messages or [message("a")], **more)
    return turns, {receiver: round(wait) for receiver, wait in late.items()}


def shown(turns: Sequence[Turn]) -> list[tuple[int, tuple[str, ...], bool]]:
    """Of each turn the seconds, the receivers, and whether it is booked."""
    return [(round(turn.wait), turn.message.receivers, bool(turn.keys)) for turn in turns]


async def test_a_message_counts_for_a_window_after_its_answer_and_not_after_its_turn(clock: Clock) -> None:
    pace = make_pace(clock)
    (turn,), _ = await booked(pace)
    clock.advance(25)  # a token was fetched, the request repeated
    await pace.settle(turn)
    clock.advance(36)

    assert shown((await booked(pace))[0]) == [(24, ("a",), True)]


async def test_a_message_without_an_answer_counts_for_a_window_after_the_last_moment_at_which_it_can_arrive(
    clock: Clock,
) -> None:
    pace = make_pace(clock)
    await booked(pace, timeout=30)
    clock.advance(30 + ARRIVING_SECONDS + 40)

    assert shown((await booked(pace))[0]) == [(20, ("a",), True)]


async def test_who_is_late_is_told_when_another_try_may_do_better_at_the_soonest(clock: Clock) -> None:
    pace = make_pace(clock)
    (turn,), _ = await booked(pace)
    assert await booked(pace) == ([], {"a": 60})
    await pace.settle(turn)
    clock.advance(20)
    assert await booked(pace) == ([], {"a": 40})


@pytest.mark.parametrize(("timeout", "late"), [(1.0, True), (2.5, True), (2.9, False)])
async def test_a_turn_that_leaves_no_time_to_send_comes_too_late(clock: Clock, timeout: float, late: bool) -> None:
    pace = make_pace(clock)
    (turn,), _ = await booked(pace)
    await pace.settle(turn)
    clock.advance(59.2)
    turns, refused = await booked(pace, timeout=timeout)
    assert (turns == [], list(refused)) == (late, ["a"] if late else [])


async def test_who_has_more_time_than_a_window_looks_again_for_what_is_settled_by_then(clock: Clock) -> None:
    pace = make_pace(clock)
    (turn,), _ = await booked(pace)
    assert shown((await booked(pace, timeout=90))[0]) == [(round(LOOK_SECONDS), ("a",), False)]
    await pace.settle(turn)
    assert shown((await booked(pace, timeout=90))[0]) == [(60, ("a",), True)]
    assert await booked(pace, timeout=90, look=90 - 60 - SENDING_SECONDS) == ([], {"a": 60})


async def test_each_receiver_has_its_own_turn_and_settles_with_its_own_message(clock: Clock) -> None:
    pace = make_pace(clock)
    (turn,), _ = await booked(pace)
    await pace.settle(turn)
    clock.advance(40)
    turns, late = await booked(pace, message("a", "B", "c"))
    assert (shown(turns), late) == ([(0, ("B", "c"), True), (20, ("a",), True)], {})
    await pace.settle(turns[0])
    clock.advance(50)
    turns, late = await booked(pace, message("a", "b"))
    assert shown(turns) == [(10, ("b",), True)]
    assert late == {"a": 50}  # its turn came 30 seconds ago, and nothing is known of it


async def test_all_pages_of_a_message_count(clock: Clock) -> None:
    pace = make_pace(clock, limit=3)
    (turn,), _ = await booked(pace, message("a", pages=2))
    await pace.settle(turn)
    clock.advance(40)
    turns, late = await booked(pace, message("a"), message("a"), message("a", pages=4))

    assert (shown(turns), late) == ([(0, ("a",), True), (20, ("a",), True)], {"a": 60})

"""Counts of use: which calls count as what, in which hour, and how many rows wait at most."""

from typing import Any

import pytest

from esb.core.events import StoreTurned
from esb.core.reasons import Reason
from esb.database import use_counts
from esb.database.use_counts import UseCounts
from tests.support.use import HOUR, NOON, TODAY, ended, named


class Time:
    """The time of day, where a test sets it."""

    def __init__(self) -> None:
        self.now = NOON

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def time() -> Time:
    return Time()


@pytest.fixture
def counts(time: Time) -> UseCounts:
    return UseCounts(time)


def counted(counts: UseCounts, *events: Any) -> UseCounts:
    for event in events:
        counts(event)
    counts.turn()
    return counts


def test_calls_are_added_up_by_app_secret_and_component(counts: UseCounts) -> None:
    counted(counts, ended(), ended(), ended(secret_id=8), ended(component="send_mail"), ended(app="billing"))
    assert counts.days == {
        ("shop", TODAY, 7, "cmsi.send_weixin"): 2,
        ("shop", TODAY, 8, "cmsi.send_weixin"): 1,
        ("shop", TODAY, 7, "cmsi.send_mail"): 1,
        ("billing", TODAY, 7, "cmsi.send_weixin"): 1,
    }
    assert counts.hours == {}


def test_the_number_of_a_secret_of_the_configuration_is_none_of_the_databases(counts: UseCounts) -> None:
    counted(counts, ended(secret_number=7, secret_id=0))
    assert counts.days == {("shop", TODAY, 0, "cmsi.send_weixin"): 1}


def test_calls_in_the_name_of_a_user_are_counted_by_user_too(counts: UseCounts) -> None:
    counted(counts, named(), named(), named("lisi"), ended(user="zhangsan"))
    assert counts.hours == {
        ("shop", "zhangsan", HOUR, "cmsi.send_weixin"): 2,
        ("shop", "lisi", HOUR, "cmsi.send_weixin"): 1,
    }
    assert counts.days == {("shop", TODAY, 7, "cmsi.send_weixin"): 4}


@pytest.mark.parametrize("event", [ended(app=""), StoreTurned("it is full")])
def test_a_call_of_nobody_and_other_events_are_no_use(counts: UseCounts, event: Any) -> None:
    assert not counted(counts, event).days


@pytest.mark.parametrize("reason", [Reason.NOT_PERMITTED, Reason.IMPERSONATION_DENIED, Reason.USER_MISSING])
def test_a_call_that_is_refused_uses_its_secret_and_no_component(counts: UseCounts, reason: Reason) -> None:
    counted(counts, named(source="caller", reason=reason))
    assert counts.days == {("shop", TODAY, 7, ""): 1}
    assert counts.hours == {}


def test_a_call_that_fails_beyond_its_right_is_use_all_the_same(counts: UseCounts) -> None:
    counted(counts, ended(source="upstream", reason=Reason.UPSTREAM))
    assert counts.days == {("shop", TODAY, 7, "cmsi.send_weixin"): 1}


def test_calls_belong_to_the_hour_in_which_counting_began_anew(counts: UseCounts, time: Time) -> None:
    time.now = (TODAY + 1) * 86_400 - 0.5
    counted(counts, named())
    assert counts.seconds_left == 0.5
    time.now += 1
    counted(counts, named())
    counted(counts, named())
    assert list(counts.hours.values()) == [1, 1, 1]
    assert [hour for _, _, hour, _ in counts.hours] == [HOUR, TODAY * 24 + 23, TODAY * 24 + 24]
    assert counts.days == {
        ("shop", TODAY, 7, "cmsi.send_weixin"): 2,
        ("shop", TODAY + 1, 7, "cmsi.send_weixin"): 1,
    }


def test_rows_that_wait_are_bounded_and_what_is_there_still_counts(
    counts: UseCounts, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(use_counts, "MOST_ROWS", 2)
    counted(counts, ended(app="a"))
    counted(counts, ended(app="b"), ended(app="c"), ended(app="b"))
    counted(counts, ended(app="d"))
    assert {app: calls for (app, *_), calls in counts.days.items()} == {"a": 1, "b": 2}
    assert counts.dropped == 2


def test_what_is_counted_between_two_batches_is_bounded_too(counts: UseCounts, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(use_counts, "MOST_ROWS", 2)
    counted(counts, named("a"), named("b"), named("c"), named("a"))
    assert counts.days == {("shop", TODAY, 7, "cmsi.send_weixin"): 3}
    assert counts.dropped == 1


def test_names_of_users_take_no_room_from_calls(counts: UseCounts, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(use_counts, "MOST_ROWS", 2)
    for number in range(5):
        counted(counts, named(f"user{number}"))
    assert len(counts.hours) == 2
    assert counts.days == {("shop", TODAY, 7, "cmsi.send_weixin"): 5}
    assert counts.dropped == 3


def test_what_was_counted_while_rows_were_written_waits(counts: UseCounts) -> None:
    counted(counts, named())
    days, hours = counts.some(10)
    counts(named())
    counts.written(days, hours)
    assert not counts.days
    assert counted(counts).days == {("shop", TODAY, 7, "cmsi.send_weixin"): 1}


def test_each_call_is_dropped_once(counts: UseCounts) -> None:
    counted(counts, named(), named(), ended())
    counts.drop()
    assert (counts.days, counts.hours, counts.dropped) == ({}, {}, 3)


def test_a_name_is_dropped_although_its_day_is_written(counts: UseCounts) -> None:
    counted(counts, named(), named("lisi"))
    counts.written(counts.days.copy(), {})
    counts.drop()
    assert counts.dropped == 2

"""Counts of late: what has grown since the oldest look of the last minutes."""

from esb.server.late_counts import LATE_SECONDS, STEP_SECONDS, LateCounts
from esb.telemetry.families import CALLS
from esb.telemetry.metrics import Snapshot

LABELS = ("cmsi", "send_weixin", "ok", "none")


def counted(number: int) -> Snapshot:
    return Snapshot({CALLS.name: {LABELS: number}})


def grown(late: LateCounts, now: float, number: int) -> tuple[float, int] | None:
    found = late.look(now, counted(number))
    return None if found is None else (found.since, found.counts[CALLS.name][LABELS])


def test_the_first_look_has_nothing_to_compare_with() -> None:
    late = LateCounts()
    assert grown(late, 1000.0, 5) is None
    assert grown(late, 1001.0, 7) == (1000.0, 2)


def test_it_is_what_has_grown_since_the_oldest_look_that_is_not_too_old() -> None:
    late = LateCounts()
    grown(late, 1000.0, 5)
    assert grown(late, 1000.0 + STEP_SECONDS, 6) == (1000.0, 1)
    assert grown(late, 1000.0 + LATE_SECONDS, 9) == (1000.0, 4)
    assert grown(late, 1001.0 + LATE_SECONDS, 9) == (1000.0 + STEP_SECONDS, 3)


def test_who_comes_back_later_begins_anew() -> None:
    late = LateCounts()
    grown(late, 1000.0, 5)
    assert grown(late, 2000.0, 50) is None
    assert grown(late, 2001.0, 51) == (2000.0, 1)


def test_looks_of_many_visitors_are_kept_once_in_a_while() -> None:
    late = LateCounts()
    for second in range(3600):
        late.look(float(second), counted(second))
    assert len(late._looks) <= LATE_SECONDS / STEP_SECONDS + 1
    assert grown(late, 3600.0, 3600) is not None


def test_what_was_never_counted_before_has_grown_from_nothing() -> None:
    late = LateCounts()
    late.look(1000.0, Snapshot())
    assert grown(late, 1010.0, 3) == (1000.0, 3)

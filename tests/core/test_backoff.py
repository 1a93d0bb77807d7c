from itertools import islice

from esb.core.backoff import pauses


def test_each_pause_is_twice_the_one_before_up_to_the_longest() -> None:
    assert list(islice(pauses(0.5, 3.0), 5)) == [0.5, 1.0, 2.0, 3.0, 3.0]


def test_jitter_takes_up_to_half_of_a_pause_away() -> None:
    drawn = list(islice(pauses(1.0, 1.0, jitter=True), 200))
    assert all(0.5 <= pause <= 1.0 for pause in drawn)
    assert max(drawn) - min(drawn) > 0.25

"""The interface of engines: times and failures."""

from esb.outgoing.engine import CONNECT_SECONDS, connect_seconds


def test_a_connection_has_five_seconds_or_nearly_all_the_time_that_there_is() -> None:
    assert [connect_seconds(seconds) for seconds in (1.0, 1000.0)] == [0.9, CONNECT_SECONDS]

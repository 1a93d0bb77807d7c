"""The order in which the hosts of an upstream are tried."""

from esb.plugins.http.hosts import Hosts
from tests.support.clock import Clock


def test_hosts_take_turns(clock: Clock) -> None:
    hosts = Hosts(["a", "b", "c"], clock)
    assert ["".join(hosts.in_order()) for _ in range(4)] == ["abc", "bca", "cab", "abc"]


def test_one_that_could_not_be_reached_comes_last_for_a_while(clock: Clock) -> None:
    hosts = Hosts(["a", "b"], clock)
    hosts.failed("a")
    clock.advance(9.99)
    assert [hosts.in_order() for _ in range(2)] == [["b", "a"]] * 2
    clock.advance(0.01)
    assert [hosts.in_order() for _ in range(2)] == [["a", "b"], ["b", "a"]]


def test_one_that_has_answered_is_well_again(clock: Clock) -> None:
    hosts = Hosts(["a", "b"], clock)
    hosts.failed("a")
    hosts.answered("a")
    hosts.answered("b")
    assert hosts.in_order() == ["a", "b"]

"""Heads and bodies on their way: slots for each address, and how slow one may be."""

import asyncio
import math
from collections.abc import Iterator
from ipaddress import ip_network

import pytest

from esb.incoming.arrivals import GRACE_SECONDS, MOST_CUTS, SLOTS, SWEEP_SECONDS, Arrivals, Arriving, counted_address
from tests.support.loop_time import Advance, movable_loop_time, turns

PROXIES = [ip_network("10.0.0.0/8"), ip_network("2001:db8:ffff::/48")]


class Watched(Arriving):
    """Something on its way that notes how it was cut off."""

    def __init__(self, arrivals: Arrivals, address: str = "192.0.2.1") -> None:
        super().__init__(address)
        self.cuts: list[bool] = []
        self._arrivals = arrivals
        arrivals.begin(self)

    def cut(self, *, slow: bool) -> None:
        self.cuts.append(slow)
        self._arrivals.end(self)


@pytest.fixture
async def advance() -> Iterator[Advance]:  # type: ignore[misc]  # pytest makes an async fixture of it
    with movable_loop_time() as advance:
        yield advance


async def pass_by(advance: Advance, seconds: float) -> None:
    """Let these seconds pass, a sweep at a time."""
    for _ in range(math.ceil(seconds / SWEEP_SECONDS)):
        advance(SWEEP_SECONDS)
        await turns(3)


@pytest.mark.parametrize(
    ("remote", "counted"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("2001:db8:1:2::1", "2001:db8:1:2::"),
        ("2001:db8:1:2:ffff::1", "2001:db8:1:2::"),
        ("fe80::1%eth0", "fe80::"),
        ("10.1.2.3", ""),
        ("2001:db8:ffff::5", ""),
        ("", "?"),
    ],
)
def test_slots_are_counted_for_a_site_and_no_proxy(remote: str, counted: str) -> None:
    assert counted_address(remote, PROXIES) == counted


async def test_one_address_has_so_many_slots_after_a_moment(advance: Advance) -> None:
    arrivals = Arrivals(20.0, math.inf)
    watched = [Watched(arrivals) for _ in range(SLOTS + 5)]
    other = Watched(arrivals, "192.0.2.2")
    exempt = [Watched(arrivals, "") for _ in range(SLOTS + 5)]
    await pass_by(advance, GRACE_SECONDS - SWEEP_SECONDS)
    assert [each for each in watched if each.cuts] == []
    await pass_by(advance, 2 * SWEEP_SECONDS)
    assert [each.cuts for each in watched] == [[]] * SLOTS + [[False]] * 5
    assert [each.cuts for each in (other, *exempt)] == [[]] * (SLOTS + 6)
    arrivals.end(watched[0])
    newcomer, late = Watched(arrivals), Watched(arrivals)
    assert arrivals.take_slot(newcomer)
    assert not arrivals.take_slot(late)


async def test_thousands_are_not_cut_off_at_once(advance: Advance) -> None:
    arrivals = Arrivals(20.0, math.inf)
    watched = [Watched(arrivals) for _ in range(SLOTS + 3 * MOST_CUTS)]
    advance(GRACE_SECONDS + SWEEP_SECONDS)
    await turns(3)
    assert sum(bool(each.cuts) for each in watched) == MOST_CUTS
    await pass_by(advance, 4 * SWEEP_SECONDS)
    assert sum(bool(each.cuts) for each in watched) == 3 * MOST_CUTS


async def test_what_is_too_slow_is_cut_off_and_what_keeps_the_rate_is_not(advance: Advance) -> None:
    arrivals = Arrivals(10.0, 1000)
    slow, steady = Watched(arrivals), Watched(arrivals)
    for _ in range(20):
        await pass_by(advance, 1.0)
        steady.size += 1000
        slow.size += 100
    assert (slow.cuts, steady.cuts) == ([True], [])


async def test_nothing_is_watched_when_nothing_is_on_its_way(advance: Advance) -> None:
    arrivals = Arrivals(10.0, 1000)
    watched = Watched(arrivals)
    arrivals.end(watched)
    arrivals.end(watched)
    await pass_by(advance, 1.0)
    assert len(arrivals) == 0
    loop = asyncio.get_running_loop()
    assert [each for each in loop._scheduled if not each.cancelled()] == []  # type: ignore[attr-defined]


async def test_each_slot_that_was_freed_can_be_taken_again() -> None:
    arrivals = Arrivals(10, math.inf)
    for _ in range(2):
        watched = [Watched(arrivals) for _ in range(SLOTS + 1)]
        assert [arrivals.take_slot(each) for each in watched] == [True] * SLOTS + [False]
        for each in watched:
            arrivals.end(each)

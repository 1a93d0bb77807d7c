"""The attempts of a proxied call: where, how often, and with which pauses between them."""

from collections.abc import Callable

import pytest

from esb.core.call import Call
from esb.core.errors import Unreachable, UpstreamError
from esb.plugins.http.attempts import Attempts
from esb.plugins.http.hosts import Hosts
from tests.support.calls import make_call
from tests.support.clock import Clock

Fail = Callable[[str], UpstreamError]


class Upstream:
    """Fails as it is told, and writes down who was asked when."""

    def __init__(self, clock: Clock, fail: Fail) -> None:
        self._clock = clock
        self._fail = fail
        self.asked: list[tuple[str, float]] = []
        self.attempts: list[int] = []

    async def __call__(self, call: Call, host: str) -> str:
        self.attempts.append(call.attempt)
        self.asked.append((host, round(self._clock() - 1000.0, 3)))
        raise self._fail(host)


def busy(host: str, status: int = 503) -> UpstreamError:
    return UpstreamError("a", "b", "busy", http_status=status)


def away(host: str) -> UpstreamError:
    return Unreachable("a", "b", "away", sent=False)


async def failing(clock: Clock, hosts: str, retries: int, fail: Fail, *, repeatable: bool = True) -> Upstream:
    """Return an upstream of which all attempts have failed."""
    upstream = Upstream(clock, fail)
    with pytest.raises(UpstreamError):
        await Attempts(Hosts(list(hosts), clock), retries, clock).answer(make_call(), upstream, repeatable=repeatable)
    return upstream


async def test_each_pause_is_twice_as_long_as_the_one_before_up_to_a_second(clock: Clock) -> None:
    upstream = await failing(clock, "a", 6, busy)
    assert [when for _, when in upstream.asked] == [0.0, 0.1, 0.3, 0.7, 1.5, 2.5, 3.5]


@pytest.mark.parametrize(
    ("status", "attempts"), [(502, 3), (503, 3), (504, 3), (500, 1), (501, 1), (505, 1), (404, 1), (429, 1)]
)
async def test_only_what_may_pass_is_tried_again(clock: Clock, status: int, attempts: int) -> None:
    assert len((await failing(clock, "a", 2, lambda host: busy(host, status))).asked) == attempts


async def test_what_may_not_be_repeated_is_tried_once(clock: Clock) -> None:
    assert len((await failing(clock, "a", 2, busy, repeatable=False)).asked) == 1


async def test_hosts_out_of_reach_are_all_asked_before_a_pause(clock: Clock) -> None:
    upstream = await failing(clock, "ab", 1, away)
    assert [host for host, _ in upstream.asked] == ["a", "b", "b", "a"]
    assert upstream.attempts == [1, 2, 3, 4]
    assert [when for _, when in upstream.asked] == [0.0, 0.0, 0.1, 0.1]
    assert [host for host, _ in (await failing(clock, "ab", 1, away, repeatable=False)).asked] == ["a", "b"]


async def test_a_request_that_cannot_be_sent_is_not_tried_again(clock: Clock) -> None:
    upstream = await failing(clock, "ab", 2, lambda host: UpstreamError("a", "b", "no", sent=False))
    assert len(upstream.asked) == 1


@pytest.mark.parametrize(("seconds", "rests"), [(0.9, False), (1.5, True)])
async def test_a_host_that_had_no_time_to_answer_does_not_rest(clock: Clock, seconds: float, rests: bool) -> None:
    hosts = Hosts(["a", "b"], clock)
    upstream = Upstream(clock, away)
    with pytest.raises(Unreachable):
        await Attempts(hosts, 0, clock).answer(make_call(timeout=seconds), upstream, repeatable=False)
    assert bool(hosts._rests_until) is rests

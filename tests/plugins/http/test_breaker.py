"""The circuit breaker by a clock that the tests move."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import replace

import pytest

from esb.core.call import App
from esb.core.errors import Limited, Unreachable, UpstreamError
from esb.outgoing.client import Target
from esb.plugins.http.breaker import Breaker, Breakers
from esb.plugins.http.upstream_time import UpstreamTime
from tests.support.calls import make_call
from tests.support.clock import Clock
from tests.support.loop_time import movable_loop_time

TARGET = Target("demo", "relay")


def in_time() -> UpstreamTime:
    """The time of a request that came at once."""
    return UpstreamTime(make_call(), None)


def ill(http_status: int | None = None) -> UpstreamError:
    return UpstreamError("demo", "relay", "ill", http_status=http_status)


class Case:
    """A breaker that opens after two failures, for ten seconds."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.breaker = Breaker(2, 10.0, self.clock)
        self.let_in = 0

    def fail(self, error: BaseException | None = None) -> None:
        error = error or ill()
        with pytest.raises(type(error)) as caught, self.breaker.attempt(TARGET, in_time()):
            raise error
        assert caught.value is error

    def succeed(self) -> None:
        with self.breaker.attempt(TARGET, in_time()):
            pass

    def is_open(self) -> bool:
        """Ask without leaving a trace: a probe is given back."""
        with suppress(UpstreamError, asyncio.CancelledError), self.breaker.attempt(TARGET, in_time()):
            self.let_in += 1
            raise asyncio.CancelledError
        let_in, self.let_in = self.let_in, 0
        return let_in == 0


@pytest.fixture
def case() -> Case:
    return Case()


async def test_failures_in_a_row_open_it(case: Case) -> None:
    case.fail()
    assert not case.is_open()
    case.fail()
    assert case.is_open()


async def test_a_success_in_between_starts_the_count_anew(case: Case) -> None:
    case.fail()
    case.succeed()
    case.fail()
    assert not case.is_open()


@pytest.mark.parametrize("error", [ill(404), Limited("busy", 1.0), asyncio.CancelledError(), ZeroDivisionError()])
async def test_what_tells_nothing_of_the_upstream_does_not_count(case: Case, error: BaseException) -> None:
    case.fail()
    case.fail(error)
    case.fail(error)
    assert not case.is_open()


async def test_it_stays_open_exactly_so_long(case: Case) -> None:
    case.fail()
    case.fail()
    case.clock.advance(9.99)
    assert case.is_open()
    case.clock.advance(0.01)
    assert not case.is_open()


async def test_one_probe_goes_out_and_the_others_wait(case: Case) -> None:
    case.fail()
    case.fail()
    case.clock.advance(10)
    with case.breaker.attempt(TARGET, in_time()):
        with pytest.raises(UpstreamError, match="in 0 seconds") as caught, case.breaker.attempt(TARGET, in_time()):
            pass
        assert not caught.value.sent
    assert not case.is_open()


async def test_a_probe_that_fails_opens_it_again(case: Case) -> None:
    case.fail()
    case.fail()
    case.clock.advance(10)
    case.fail()
    assert case.is_open()
    case.clock.advance(10)
    case.succeed()
    case.fail()
    assert not case.is_open()


async def test_a_probe_that_nobody_waited_for_makes_way_for_another(case: Case) -> None:
    case.fail()
    case.fail()
    case.clock.advance(10)
    case.fail(asyncio.CancelledError())
    case.succeed()
    assert not case.is_open()


async def test_an_answer_that_tells_of_illness_is_a_failure(case: Case) -> None:
    for _ in range(2):
        with case.breaker.attempt(TARGET, in_time()) as attempt:
            attempt.ill = True
    assert case.is_open()


async def test_calls_that_began_before_it_turned_no_longer_count(case: Case) -> None:
    with case.breaker.attempt(TARGET, in_time()):  # succeeds when it is open already
        case.fail()
        case.fail()
    assert case.is_open()


async def test_a_failure_of_before_is_none_of_now(case: Case) -> None:
    with case.breaker.attempt(TARGET, in_time()) as early:
        early.ill = True
        case.fail()
        case.fail()
        case.clock.advance(10)
        case.succeed()
        case.fail()
    assert not case.is_open()


async def test_the_refusal_says_when_to_come_again(case: Case) -> None:
    case.fail()
    case.fail()
    case.clock.advance(4)
    with (
        pytest.raises(UpstreamError, match="the next one is tried in 6 seconds"),
        case.breaker.attempt(TARGET, in_time()),
    ):
        pass


async def test_each_app_has_a_breaker_of_its_own() -> None:
    breakers = Breakers(1, 10.0, Clock())
    flood, honest = make_call(app=App("flood")), make_call(app=App("honest"))
    with pytest.raises(UpstreamError, match="ill"), breakers.of(flood).attempt(TARGET, in_time()):
        raise ill(500)
    with pytest.raises(UpstreamError, match="in a row"), breakers.of(flood).attempt(TARGET, in_time()):
        pass
    with breakers.of(honest).attempt(TARGET, in_time()) as attempt:
        assert not attempt.ill


@pytest.mark.parametrize(("left", "opens"), [(14.0, False), (15.1, True)])
async def test_an_upstream_that_had_less_than_half_of_the_time_is_not_to_blame(
    case: Case, left: float, opens: bool
) -> None:
    call = replace(make_call(timeout=left), timeout=30.0)
    for _ in range(2):
        with suppress(UpstreamError), case.breaker.attempt(TARGET, UpstreamTime(call, None)):
            raise ill()
    assert case.is_open() is opens


async def chunks() -> AsyncIterator[bytes]:
    yield b"half"
    yield b"the rest"


async def test_an_upstream_that_has_not_got_the_whole_body_is_not_to_blame_unless_nobody_is_there(case: Case) -> None:
    for _ in range(3):
        time = UpstreamTime(make_call(), None)
        await anext(time.watched(chunks()))
        with case.breaker.attempt(TARGET, time) as attempt:
            attempt.ill = True
        with suppress(UpstreamError), case.breaker.attempt(TARGET, time):
            raise ill()
    assert not case.is_open()
    for _ in range(2):
        with suppress(UpstreamError), case.breaker.attempt(TARGET, time):
            raise Unreachable("demo", "relay", "away", sent=False)
    assert case.is_open()


@pytest.mark.parametrize(("seconds", "opens"), [(16.0, False), (1.0, True)])
async def test_a_body_that_came_slowly_leaves_the_upstream_less_time(case: Case, seconds: float, opens: bool) -> None:
    with movable_loop_time() as advance:
        for _ in range(2):
            time = UpstreamTime(make_call(), None)
            async for _ in time.watched(chunks()):
                advance(seconds / 2)
            with suppress(UpstreamError), case.breaker.attempt(TARGET, time):
                raise ill()
    assert case.is_open() is opens


async def test_a_probe_that_its_caller_spoils_makes_way_for_another(case: Case) -> None:
    case.fail()
    case.fail()
    case.clock.advance(10)
    time = UpstreamTime(make_call(), None)
    await anext(time.watched(chunks()))
    with suppress(UpstreamError), case.breaker.attempt(TARGET, time):
        raise ill()
    assert not case.is_open()
    case.succeed()


async def test_ten_thousand_apps_have_one_and_that_of_who_called_least_recently_goes_first() -> None:
    breakers = Breakers(1, 10.0, Clock())
    call = make_call()
    made = [breakers.of(replace(call, app=App(f"app {number}"))) for number in range(10_000)]
    assert breakers.of(replace(call, app=App("app 0"))) is made[0]
    breakers.of(replace(call, app=App("one more")))
    assert breakers.of(replace(call, app=App("app 0"))) is made[0]
    assert breakers.of(replace(call, app=App("app 2"))) is made[2]
    assert breakers.of(replace(call, app=App("app 1"))) is not made[1]

"""The circuit breaker by a clock that the tests move."""

import asyncio
from contextlib import suppress

import pytest

from esb.core.errors import Limited, UpstreamError
from esb.outgoing.client import Target
from esb.plugins.http.breaker import Breaker
from tests.support.clock import Clock

TARGET = Target("demo", "relay")


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
        with pytest.raises(type(error)) as caught, self.breaker.attempt(TARGET):
            raise error
        assert caught.value is error

    def succeed(self) -> None:
        with self.breaker.attempt(TARGET):
            pass

    def is_open(self) -> bool:
        """Ask without leaving a trace: a probe is given back."""
        with suppress(UpstreamError, asyncio.CancelledError), self.breaker.attempt(TARGET):
            self.let_in += 1
            raise asyncio.CancelledError
        let_in, self.let_in = self.let_in, 0
        return let_in == 0


@pytest.fixture
def case() -> Case:
    return Case()


def test_failures_in_a_row_open_it(case: Case) -> None:
    case.fail()
    assert not case.is_open()
    case.fail()
    assert case.is_open()


def test_a_success_in_between_starts_the_count_anew(case: Case) -> None:
    case.fail()
    case.succeed()
    case.fail()
    assert not case.is_open()


@pytest.mark.parametrize("error", [ill(404), Limited("busy", 1.0), asyncio.CancelledError(), ZeroDivisionError()])
def test_what_tells_nothing_of_the_upstream_does_not_count(case: Case, error: BaseException) -> None:
    case.fail()
    case.fail(error)
    case.fail(error)
    assert not case.is_open()


def test_it_stays_open_exactly_so_long(case: Case) -> None:
    case.fail()
    case.fail()
    case.clock.advance(9.99)
    assert case.is_open()
    case.clock.advance(0.01)
    assert not case.is_open()


def test_one_probe_goes_out_and_the_others_wait(case: Case) -> None:
    case.fail()
    case.fail()
    case.clock.advance(10)
    with case.breaker.attempt(TARGET):
        with pytest.raises(UpstreamError, match="in 0 seconds") as caught, case.breaker.attempt(TARGET):
            pass
        assert not caught.value.sent
    assert not case.is_open()


def test_a_probe_that_fails_opens_it_again(case: Case) -> None:
    case.fail()
    case.fail()
    case.clock.advance(10)
    case.fail()
    assert case.is_open()
    case.clock.advance(10)
    case.succeed()
    case.fail()
    assert not case.is_open()


def test_a_probe_that_nobody_waited_for_makes_way_for_another(case: Case) -> None:
    case.fail()
    case.fail()
    case.clock.advance(10)
    case.fail(asyncio.CancelledError())
    case.succeed()
    assert not case.is_open()


def test_an_answer_that_tells_of_illness_is_a_failure(case: Case) -> None:
    for _ in range(2):
        with case.breaker.attempt(TARGET) as attempt:
            attempt.ill = True
    assert case.is_open()


def test_calls_that_began_before_it_turned_no_longer_count(case: Case) -> None:
    with case.breaker.attempt(TARGET):  # succeeds when it is open already
        case.fail()
        case.fail()
    assert case.is_open()


def test_a_failure_of_before_is_none_of_now(case: Case) -> None:
    with case.breaker.attempt(TARGET) as early:
        early.ill = True
        case.fail()
        case.fail()
        case.clock.advance(10)
        case.succeed()
        case.fail()
    assert not case.is_open()


def test_the_refusal_says_when_to_come_again(case: Case) -> None:
    case.fail()
    case.fail()
    case.clock.advance(4)
    with pytest.raises(UpstreamError, match="the next one is tried in 6 seconds"), case.breaker.attempt(TARGET):
        pass

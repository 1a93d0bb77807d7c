"""The time of an upstream: what the caller takes to send its body is not held against it."""

from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from esb.plugins.http.upstream_time import UpstreamTime
from tests.support.calls import make_call
from tests.support.loop_time import Advance, movable_loop_time


@pytest.fixture
async def advance() -> AsyncIterator[Advance]:
    with movable_loop_time() as moved:
        yield moved


async def body_that_takes(advance: Advance, seconds: float) -> AsyncIterator[bytes]:
    yield b"half"
    advance(seconds)
    yield b"the rest"


@pytest.mark.parametrize(
    ("timeout", "usual", "took", "is_fair"),
    [
        (None, 8.0, 4.0, True),
        (None, 8.0, 4.5, False),
        (2.0, 8.0, 1.0, True),
        (2.0, 8.0, 1.5, False),
        (20.0, 8.0, 4.0, True),
        (20.0, 8.0, 4.5, False),
    ],
)
async def test_an_upstream_has_enough_time_with_half_of_the_usual(
    advance: Advance, timeout: float | None, usual: float, took: float, is_fair: bool
) -> None:
    time = UpstreamTime(make_call(timeout=usual), timeout)
    assert (time.is_fair, time.is_whole) == (True, True)
    body = time.watched(body_that_takes(advance, took))
    assert not time.is_whole
    assert [chunk async for chunk in body] == [b"half", b"the rest"]
    assert (time.is_fair, time.is_whole) == (is_fair, True)


@pytest.mark.parametrize(("left", "is_fair"), [(4.0, True), (3.5, False)])
async def test_a_call_that_has_little_time_left_gives_too_little(advance: Advance, left: float, is_fair: bool) -> None:
    assert UpstreamTime(replace(make_call(timeout=left), timeout=8.0), None).is_fair is is_fair


async def test_a_body_that_is_not_all_there_is_not_whole(advance: Advance) -> None:
    time = UpstreamTime(make_call(timeout=8.0), None)
    await anext(time.watched(body_that_takes(advance, 5.0)))
    assert (time.is_fair, time.is_whole) == (True, False)

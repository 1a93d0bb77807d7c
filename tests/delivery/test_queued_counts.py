"""The bound of what an app has waiting: counted now and then, and never for each call."""

import asyncio

import pytest

from esb.core.errors import Limited
from esb.delivery.queued_counts import QueuedCounts
from tests.support.clock import Clock


class Counting:
    """Counts what it is told, slowly if asked to."""

    def __init__(self, clock: Clock, seconds: float = 0.0, **numbers: int) -> None:
        self.clock = clock
        self.seconds = seconds
        self.numbers = numbers
        self.counted = 0

    async def __call__(self) -> dict[str, int]:
        self.counted += 1
        await asyncio.sleep(0)
        self.clock.advance(self.seconds)
        return dict(self.numbers)


async def test_an_app_gets_as_far_as_its_bound(clock: Clock) -> None:
    count = Counting(clock, shop=3)
    queued = QueuedCounts(count, clock)
    for _ in range(2):
        await queued.admit("shop", 5)
    with pytest.raises(Limited, match="not sent yet") as refused:
        await queued.admit("shop", 5)
    assert refused.value.retry_after == 1
    assert str(refused.value) == "APP [shop] has 5 messages that are not sent yet, and no more are accepted for now"
    await queued.admit("other", 5)
    assert count.counted == 1


async def test_calls_at_once_wait_for_one_count(clock: Clock) -> None:
    count = Counting(clock)
    queued = QueuedCounts(count, clock)
    await asyncio.gather(*(queued.admit("shop", 100) for _ in range(20)))
    assert count.counted == 1


async def test_whoever_was_refused_may_come_again_once_something_was_sent(clock: Clock) -> None:
    count = Counting(clock, shop=5)
    queued = QueuedCounts(count, clock)
    with pytest.raises(Limited):
        await queued.admit("shop", 5)
    count.numbers["shop"] = 4
    with pytest.raises(Limited):
        await queued.admit("shop", 5)
    clock.advance(1)
    await queued.admit("shop", 5)
    assert count.counted == 2


async def test_it_is_counted_again_after_some_time_since_others_accept_too(clock: Clock) -> None:
    count = Counting(clock)
    queued = QueuedCounts(count, clock)
    await queued.admit("shop", 5)
    count.numbers["shop"] = 5
    clock.advance(9)
    await queued.admit("shop", 5)
    clock.advance(1)
    with pytest.raises(Limited):
        await queued.admit("shop", 5)


async def test_counting_takes_a_small_share_of_the_time(clock: Clock) -> None:
    count = Counting(clock, seconds=0.5, shop=5)
    queued = QueuedCounts(count, clock)
    for _ in range(24):
        with pytest.raises(Limited) as refused:
            await queued.admit("shop", 5)
        clock.advance(1)
    assert count.counted == 1
    assert refused.value.retry_after == 25

import asyncio

from tests.support.calls import make_call
from tests.support.loop_time import movable_loop_time


async def test_the_time_left_is_told_by_the_clock_that_deadlines_are_told_by() -> None:
    with movable_loop_time() as move:
        call = make_call(deadline=asyncio.get_running_loop().time() + 10)
        move(4)
        assert 5.5 < call.seconds_left <= 6
        move(7)
        assert -1.5 < call.seconds_left <= -1

"""The counts of calls in flight."""

import asyncio

import pytest

from esb.incoming.in_flight import InFlight


async def test_an_empty_room_is_left_at_once() -> None:
    await asyncio.wait_for(InFlight().ended(), 30)


async def test_the_last_to_leave_ends_it_whatever_the_order() -> None:
    calls = InFlight()
    calls.__enter__()
    with calls:
        assert calls.number == 2
        calls.__exit__(None, None, None)
        ended = asyncio.create_task(calls.ended())
        await asyncio.sleep(0)
        assert not ended.done()
    await asyncio.wait_for(ended, 30)
    assert calls.number == 0


async def test_who_leaves_by_an_error_has_left_too() -> None:
    calls = InFlight()
    with pytest.raises(ZeroDivisionError), calls:
        raise ZeroDivisionError
    await asyncio.wait_for(calls.ended(), 30)


async def test_who_comes_later_is_waited_for_too() -> None:
    calls = InFlight()
    with calls:
        pass
    with calls, pytest.raises(TimeoutError):
        await asyncio.wait_for(calls.ended(), 0.01)

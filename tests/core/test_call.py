import asyncio

from esb.core.call import DeliveryRun, Options, RunReceiver
from tests.support.calls import make_call
from tests.support.loop_time import movable_loop_time


async def test_the_time_left_is_told_by_the_clock_that_deadlines_are_told_by() -> None:
    with movable_loop_time() as move:
        call = make_call(deadline=asyncio.get_running_loop().time() + 10)
        move(4)
        assert 5.5 < call.seconds_left <= 6
        move(7)
        assert -1.5 < call.seconds_left <= -1


async def test_the_run_of_a_delivery_tells_each_component_its_own_receivers_and_shows_none_of_them() -> None:
    receivers = (
        RunReceiver("cmsi.send_sms", "lisi", "13800000000", looked_up=True, is_open=True),
        RunReceiver("cmsi.send_sms", "13900000000", "13900000000", looked_up=False, is_open=True),
        RunReceiver("cmsi.send_sms", "wangwu", "13700000000", looked_up=True, is_open=False),
        RunReceiver("cmsi.send_mail", "lisi", "lisi@example.com", looked_up=True, is_open=True),
    )
    run = DeliveryRun("0" * 32, 0.0, receivers, 60.0)
    assert run.addresses("cmsi.send_sms") == {"lisi": "13800000000", "wangwu": "13700000000"}
    assert run.open_addresses("cmsi.send_sms") == {"13800000000", "13900000000"}
    assert run.addresses("cmsi.send_weixin") == {}
    shown = repr(make_call(options=Options(run=run)))
    assert "0" * 32 in shown
    assert "lisi" not in shown
    assert "13800000000" not in shown

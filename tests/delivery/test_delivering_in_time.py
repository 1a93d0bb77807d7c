"""Delivering with a clock that is moved: that of SQLite is the gateway's."""

from typing import Any

import pytest

from esb.core.delivery_events import CredentialHeld
from esb.core.delivery_states import DeliveryState
from tests.support.configuration import WECOM
from tests.support.delivering import Delivering, OpenDelivering

pytestmark = pytest.mark.parametrize("back_end", ["sqlite"])
SEPARATE = "{run: separate}"
ROBOT = """\
  - path: /cmsi/send_wecom_robot/
    methods: [POST]
    use: cmsi_send_wecom_robot
    config: {webhook_key: bot-key, wx_qy_host: "${sandbox}"}
"""
SENDING = "/cgi-bin/message/send"
REFUSED = {"errcode": 60020, "errmsg": "not allow to access from your ip"}


async def test_what_is_scheduled_is_sent_at_its_time(delivering: Delivering) -> None:
    identity = await delivering.accept(deliver_at="10m")
    urgent = await delivering.accept()
    assert (await delivering.attempted()).delivery == urgent
    delivering.clock.advance(600)
    event = await delivering.attempted(2)
    assert (event.delivery, event.waited) == (identity, 0)


async def test_a_credential_that_does_not_work_holds_its_deliveries_and_is_tried_again(delivering: Delivering) -> None:
    await delivering.sandbox.post("faults", {"match": {"path": SENDING}, "action": REFUSED, "times": 1})
    first = await delivering.accept()
    event = await delivering.attempted()
    assert (event.state, event.attempts, event.failure) == ("held", 0, "config")
    assert delivering.holds == [CredentialHeld("cmsi.send_weixin", "config: 60020")]
    second = await delivering.accept()
    await delivering.turned(second, DeliveryState.HELD)
    delivering.clock.advance(301)
    await delivering.attempted(3)
    assert {event.delivery for event in delivering.attempts[1:]} == {first, second}
    assert [event.state for event in delivering.attempts] == ["held", "done", "done"]
    assert delivering.holds[1:] == [CredentialHeld("cmsi.send_weixin", "")]


async def test_a_secret_that_a_caller_has_brought_and_nobody_accepts_ends_its_delivery_alone(
    delivering: Delivering,
) -> None:
    await delivering.accept(wx_qy_corpsecret="WRONG")
    event = await delivering.attempted()
    assert (event.state, event.failure, delivering.holds) == ("dead", "config", [])
    await delivering.accept()
    assert (await delivering.attempted(2)).state == "done"


async def test_what_has_expired_is_not_sent(open_delivering: OpenDelivering) -> None:
    delivering = await open_delivering(deliveries="{run: separate}")
    identity = await delivering.accept(expires="1m")
    delivering.clock.advance(61)
    delivers = await open_delivering()
    event = await delivers.attempted()
    assert (event.delivery, event.state, event.attempts) == (identity, "dead", 1)
    assert await delivers.states(identity) == ["expired"]
    assert await delivers.sandbox.messages() == []


async def test_an_attempt_that_broke_off_is_repeated_and_doubles_nothing(open_delivering: OpenDelivering) -> None:
    killed = await open_delivering(deliveries=SEPARATE)
    identity = await killed.accept()
    await killed.claimed_by_a_dead_process()
    delivering = await open_delivering()
    assert (await delivering.attempted()).state == "done"
    await delivering.settled()
    await delivering.sending_broke_off(identity)
    delivering.clock.advance(11)
    event = await delivering.attempted(2)
    assert (event.state, event.accepted, event.unknown) == ("done", 1, 0)
    first, second = await delivering.sandbox.messages()
    assert second["duplicate_of"] == first["id"]


async def test_an_attempt_that_broke_off_long_ago_is_unknown(open_delivering: OpenDelivering) -> None:
    killed = await open_delivering(deliveries=SEPARATE)
    identity = await killed.accept()
    await killed.claimed_by_a_dead_process()
    killed.clock.advance(5 * 3600)
    delivering = await open_delivering()
    event = await delivering.attempted()
    assert (event.delivery, event.state, event.unknown, event.failure) == (identity, "dead", 1, "unknown")
    assert await delivering.states(identity) == ["unknown"]
    assert await delivering.sandbox.messages() == []


async def test_what_no_platform_drops_is_unknown_and_not_repeated(open_delivering: OpenDelivering) -> None:
    killed = await open_delivering(ROBOT, deliveries=SEPARATE)
    asynchronous: dict[str, Any] = {"content": "C", "async": True}
    answer = await killed.gateway.call("cmsi/send_wecom_robot", **asynchronous)
    identity = answer["data"]["delivery"]["id"]
    await killed.claimed_by_a_dead_process()
    killed.clock.advance(1)
    delivering = await open_delivering(ROBOT)
    event = await delivering.attempted()
    assert (event.delivery, event.state, event.unknown) == (identity, "dead", 1)
    assert await delivering.sandbox.messages() == []


async def test_a_member_gets_two_thirds_of_a_window_and_the_rest_in_order(open_delivering: OpenDelivering) -> None:
    delivering = await open_delivering(WECOM.replace("per_minute: 0", "per_minute: 30"), deliveries=SEPARATE)
    accepted = [await delivering.accept(deliver_at="1s") for _ in range(45)]
    delivering = await open_delivering(WECOM.replace("per_minute: 0", "per_minute: 30"))
    delivering.clock.advance(1)
    for number in (20, 40, 45):
        await delivering.has_done(number)
        await delivering.settled()
        assert len(delivering.done) == number
        assert (await delivering.gateway.send())["result"], "a call finds room"
        delivering.clock.advance(61)
    assert sorted(delivering.done) == sorted(accepted)
    assert len(delivering.attempts) < 45 + 50

"""A group robot asks WeCom under a name of its own."""

import pytest

from esb.channels.message import OutboundMessage
from esb.channels.wechat.wecom_robot import WEBHOOK_SEND, WeComRobot
from esb.core.errors import UpstreamError
from tests.support.calls import make_call
from tests.support.clock import Clock
from tests.support.ports import free_port
from tests.support.process_services import open_process_services
from tests.support.servers.raw_server import answering, raw_server


async def test_a_failure_names_the_robots_and_their_interface_and_not_the_key() -> None:
    async with open_process_services(Clock()) as services:
        robot = WeComRobot(services, host=f"http://127.0.0.1:{free_port()}", key="the-key")
        with pytest.raises(UpstreamError) as caught:
            await robot.post(make_call(), OutboundMessage((), WEBHOOK_SEND, [{"msgtype": "text"}], {}))
    assert (caught.value.system, caught.value.interface) == ("wecom_robot", "send")
    assert "the-key" not in str(caught.value)


async def test_its_messages_take_the_proxy_that_is_configured() -> None:
    async with (
        open_process_services(Clock()) as services,
        raw_server(answering(b'{"errcode":0,"errmsg":"ok"}')) as proxy,
    ):
        robot = WeComRobot(services, host="http://robots.invalid", key="the-key", proxy=proxy.url)
        reply = await robot.post(make_call(), OutboundMessage((), WEBHOOK_SEND, [{"msgtype": "text"}], {}))
    assert reply.verdict.kind == "ok"


async def test_nobody_asks_for_its_token_because_it_has_none() -> None:
    async with open_process_services(Clock()) as services:
        robot = WeComRobot(services, host=f"http://127.0.0.1:{free_port()}", key="the-key")
        with pytest.raises(AssertionError, match="a key, and no token"):
            await robot.live_token(make_call())

"""Messages of a WeCom app that are taken back."""

from collections.abc import AsyncIterator

import pytest

from esb.channels.recipients import addressed
from esb.channels.verdict import Declined
from esb.channels.wechat.config import WeComConfig
from esb.channels.wechat.wecom import WeComChannel
from esb.contracts.services import ProcessServices
from esb.core.errors import RequestError, UpstreamError
from tests.support.calls import make_call
from tests.support.clock import Clock, ImpatientClock
from tests.support.gateway import Sandbox
from tests.support.process_services import open_process_services
from tests.support.send_weixin import TOKEN, fault

RECALL = "/cgi-bin/message/recall"
PAGE = {"msgtype": "text", "text": {"content": "C"}}


@pytest.fixture
async def services(clock: Clock) -> AsyncIterator[ProcessServices]:
    async with open_process_services(clock) as services:
        yield services


@pytest.fixture
def wecom(services: ProcessServices, sandbox: Sandbox) -> WeComChannel:
    return channel(services, sandbox, wx_qy_corpsecret="corp-secret", wx_qy_agentid=1000002)


def channel(services: ProcessServices, sandbox: Sandbox, **config: object) -> WeComChannel:
    found = {"wx_qy_corpid": "ww0000000000000001", "wx_qy_host": sandbox.url, **config}
    return WeComChannel(WeComConfig.model_validate(found), services)


async def sent(wecom: WeComChannel, receiver: str = "zhangsan") -> str:
    """Send a message, and return its id."""
    report = await wecom.send(make_call(), addressed([receiver]), [PAGE])
    (msgid,) = report.outcome.msgids  # type: ignore[union-attr]  # no dry run
    return str(msgid)


async def recalled(sandbox: Sandbox) -> list[bool]:
    return [message["recalled"] for message in await sandbox.messages()]


async def test_one_message_is_taken_back_and_nothing_is_told_as_sent(wecom: WeComChannel, sandbox: Sandbox) -> None:
    first, _ = await sent(wecom), await sent(wecom, "lisi")
    call = make_call()
    await wecom.recall(call, first)
    assert (await recalled(sandbox), call.record.sent, wecom.recall_seconds) == ([True, False], False, 86400)


async def test_a_message_that_is_too_old_or_that_nobody_sent_stays(
    wecom: WeComChannel, sandbox: Sandbox, clock: Clock
) -> None:
    msgid = await sent(wecom)
    with pytest.raises(Declined) as caught:
        await wecom.recall(make_call(), "another")
    assert (caught.value.verdict.errcode, caught.value.verdict.kind) == (40063, "message")
    await sandbox.post("clock", {"advance": 86400})
    clock.advance(86400)
    with pytest.raises(Declined):
        await wecom.recall(make_call(), msgid)
    assert await recalled(sandbox) == [False]


async def test_a_recall_without_an_answer_is_repeated(sandbox: Sandbox) -> None:
    async with open_process_services(ImpatientClock()) as services:
        wecom = channel(services, sandbox, wx_qy_corpsecret="corp-secret", wx_qy_agentid=1000002)
        msgid = await sent(wecom)
        await fault(sandbox, RECALL, {"status": 502}, times=5)
        with pytest.raises(UpstreamError):
            await wecom.recall(make_call(), msgid)
        await wecom.recall(make_call(), msgid)
    assert (await recalled(sandbox), await sandbox.calls(RECALL)) == ([True], 6)


async def test_a_dead_token_is_replaced_before_a_message_is_taken_back(wecom: WeComChannel, sandbox: Sandbox) -> None:
    msgid = await sent(wecom)
    await sandbox.post("tokens/rotate", {})
    await wecom.recall(make_call(), msgid)
    assert (await recalled(sandbox), await sandbox.calls(TOKEN)) == ([True], 2)


async def test_only_messages_of_the_configured_app_are_taken_back(services: ProcessServices, sandbox: Sandbox) -> None:
    wecom = channel(services, sandbox)
    with pytest.raises(RequestError, match="of the app that is configured"):
        await wecom.recall(make_call(), "1")
    assert wecom.recall_seconds == 0

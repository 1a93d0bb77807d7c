"""Pacing: no member is sent more than so many messages in any minute."""

import asyncio
from typing import Any

from esb.core.deadlines import ANSWER_SECONDS
from tests.support.clock import Clock
from tests.support.gateway import Gateway, OpenGateway, Sandbox
from tests.support.loop_time import late
from tests.support.send_weixin import SEND, fault, reached

MINUTE = 60.0
PACED = """\
  - path: /cmsi/send_weixin/
    methods: [POST]
    use: cmsi_send_weixin
    timeout: {timeout}
    config: {{wx_qy_corpid: ww0000000000000001, wx_qy_corpsecret: corp-secret, wx_qy_agentid: 1000002,
              wx_qy_host: "${{sandbox}}", wx_qy_member_per_minute: {limit}}}
"""


async def open_paced(open_gateway: OpenGateway, sandbox: Sandbox, **options: Any) -> tuple[Gateway, Clock]:
    clock = Clock()
    text = PACED.format(timeout=options.get("timeout", 30), limit=options.get("limit", 30))
    return await open_gateway(text, sandbox_url=sandbox.url, clock=clock), clock


async def test_the_message_over_the_limit_is_refused_with_the_seconds_to_wait(
    open_gateway: OpenGateway, sandbox: Sandbox
) -> None:
    gateway, clock = await open_paced(open_gateway, sandbox)
    answers = [await gateway.send() for _ in range(30)]
    refused = await gateway.send()

    assert all(answer["result"] for answer in answers)
    assert (refused["code"], refused["data"]["retry_after"]) == (1306429, 60)
    assert refused["data"]["failed"] == [
        {
            "receiver": "zhangsan",
            "errcode": None,
            "errmsg": "WeChat takes no more messages for this member in this minute, please try again later",
            "class": "quota",
            "retry_after": 60,
        }
    ]
    assert len(await sandbox.messages()) == 30
    clock.advance(60)
    assert (await gateway.send())["result"] is True


async def test_others_are_sent_to_while_one_member_has_to_wait(open_gateway: OpenGateway, sandbox: Sandbox) -> None:
    gateway, _ = await open_paced(open_gateway, sandbox, limit=1)
    await gateway.send("zhangsan")
    answer = await gateway.send("ZhangSan,lisi,wangwu")

    assert answer["data"]["accepted"] == ["lisi", "wangwu"]
    assert [failure["receiver"] for failure in answer["data"]["failed"]] == ["ZhangSan"]
    assert answer["code"] == 1306429


async def test_a_turn_that_comes_within_the_deadline_is_waited_for(open_gateway: OpenGateway, sandbox: Sandbox) -> None:
    gateway, clock = await open_paced(open_gateway, sandbox, limit=1, timeout=120)
    await gateway.send("zhangsan")
    before = clock.now
    answer = await gateway.send("zhangsan,lisi")

    assert answer["data"]["accepted"] == ["lisi", "zhangsan"]
    assert clock.now == before + 60
    assert [message["body"]["touser"] for message in await sandbox.messages()] == ["zhangsan", "lisi", "zhangsan"]


async def test_who_got_a_paced_message_has_got_it_when_the_deadline_cuts_off_the_next(
    open_gateway: OpenGateway, sandbox: Sandbox
) -> None:
    gateway, clock = await open_paced(open_gateway, sandbox, limit=1, timeout=8)
    await gateway.send("zhangsan")
    clock.advance(57)
    await fault(sandbox, SEND, {"hang": True}, match={"touser": "zhangsan"})
    answer = await late(8 + ANSWER_SECONDS, gateway.send("zhangsan,lisi"), sandbox.has_been_called(SEND, 3))

    assert reached(answer) == (["lisi"], [], ["zhangsan"])


async def test_another_app_of_the_corporation_has_a_count_of_its_own_and_a_dry_run_counts_nothing(
    open_gateway: OpenGateway, sandbox: Sandbox
) -> None:
    gateway, _ = await open_paced(open_gateway, sandbox, limit=1)
    for _ in range(3):
        response = await gateway.post(
            {"bk_app_code": "esb_demo", "bk_app_secret": "demo-secret", "bk_username": "admin", "receiver": "zhangsan"}
            | {"data": {"heading": "H", "message": "M"}},
            headers={"X-Dry-Run": "1"},
        )
        assert (await response.json())["data"]["dry_run"] is True
    first, second = await asyncio.gather(gateway.send(), gateway.send())

    assert sorted([first["code"], second["code"]]) == [0, 1306429]

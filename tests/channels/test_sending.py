"""The messages of one call: once the credential is refused, the rest stays at home."""

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest

from esb.channels.message import OutboundMessage
from esb.channels.outcome import DeliveryOutcome
from esb.channels.pacing import Pace
from esb.channels.sending import Sending
from esb.channels.verdict import JudgedAnswer
from esb.channels.wechat.verdict import OK
from esb.store.memory import MemoryStore
from tests.support.calls import make_call
from tests.support.clock import Clock
from tests.support.gateway import OpenGateway, Sandbox
from tests.support.send_weixin import MP, MP_SEND, data_of, fault, reached, seed, stanza

MANY = [f"o{number:027}" for number in range(100)]
AT_ONCE = 16


@pytest.mark.parametrize(("errcode", "tries"), [(40014, 2), (48001, 1)], ids=["token", "config"])
async def test_once_a_credential_is_refused_the_calls_other_messages_are_not_sent(
    open_gateway: OpenGateway, sandbox: Sandbox, errcode: int, tries: int
) -> None:
    await sandbox.post("seed", seed(openids=MANY))
    await fault(sandbox, MP_SEND, {"errcode": errcode, "errmsg": "no"})
    gateway = await open_gateway(stanza(MP), sandbox_url=sandbox.url)
    answer = await gateway.send(MANY)
    assert reached(answer) == ([], MANY, [])
    assert {(entry["errcode"], entry["errmsg"]) for entry in data_of(answer)["failed"]} == {(errcode, "no")}
    assert await sandbox.calls(MP_SEND) <= tries * AT_ONCE


@pytest.mark.parametrize("number", [1, 2, 3])
async def test_however_few_receivers_there_are_each_gets_its_message(
    open_gateway: OpenGateway, sandbox: Sandbox, number: int
) -> None:
    openids = MANY[:number]
    await sandbox.post("seed", seed(openids=openids))
    gateway = await open_gateway(stanza(MP), sandbox_url=sandbox.url)
    assert reached(await gateway.send(openids)) == (openids, [], [])
    assert sorted(message["body"]["touser"] for message in await sandbox.messages()) == openids


async def test_a_refusal_of_one_receiver_stops_no_other(open_gateway: OpenGateway, sandbox: Sandbox) -> None:
    await sandbox.post("seed", seed(openids=MANY[1:]))
    gateway = await open_gateway(stanza(MP), sandbox_url=sandbox.url)
    assert reached(await gateway.send(MANY)) == (MANY[1:], MANY[:1], [])


async def test_a_paced_message_that_arrived_stays_accepted_when_the_deadline_cuts_off_the_next(clock: Clock) -> None:
    asked = asyncio.Event()

    async def ready(*_: Any) -> None:
        return None

    async def post(_: Any, message: OutboundMessage, *__: Any) -> JudgedAnswer:
        if message.receivers == ("b",):
            asked.set()
            await asyncio.Event().wait()
        return JudgedAnswer(OK, {})

    def outcome(receivers: tuple[str, ...], reply: JudgedAnswer) -> DeliveryOutcome:
        return DeliveryOutcome.judged(receivers, reply.verdict)

    account: Any = SimpleNamespace(
        system="S", interface="i", at_once=1, clock=clock, ready=ready, post=post, outcome=outcome
    )
    messages = [OutboundMessage((each,), "/send", [{}], {}) for each in ("a", "b")]
    sending = Sending(account, make_call())
    task = asyncio.ensure_future(sending.outcome(messages, Pace(MemoryStore(clock, 100), "app", 1, "too many")))
    await asyncio.wait({task, hanging := asyncio.ensure_future(asked.wait())}, return_when=asyncio.FIRST_COMPLETED)
    hanging.cancel()
    assert not task.done()
    known = sending.cut_off(messages)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert known.accepted == ("a",)
    assert known.receivers.count("a") == known.receivers.count("b") == 1

"""The messages of one call: once the credential is refused, the rest stays at home."""

import pytest

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

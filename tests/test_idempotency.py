"""Idempotency-Key: a repeated call gets the first one's answer."""

import asyncio
from typing import Any

from tests.conftest import DEMO, MESSAGE, Gateway, OpenGateway, Sandbox

BODY = {**DEMO, "receiver": "zhangsan", "data": MESSAGE}


async def send(gateway: Gateway, key: str | None = "k", **changes: Any) -> dict[str, Any]:
    headers = {} if key is None else {"Idempotency-Key": key}
    response = await gateway.post({**BODY, **changes}, headers=headers)
    envelope: dict[str, Any] = await response.json()
    return envelope


async def test_a_repetition_gets_the_first_answer_under_its_own_request_id(gateway: Gateway, sandbox: Sandbox) -> None:
    first, second = await send(gateway), await send(gateway)

    assert second["data"] == {**first["data"], "replayed": True}
    assert first["request_id"] != second["request_id"]
    assert "replayed" not in first["data"]
    assert len(await sandbox.messages()) == 1


async def test_concurrent_repetitions_wait_for_the_first(gateway: Gateway, sandbox: Sandbox) -> None:
    answers = await asyncio.gather(*(send(gateway) for _ in range(20)))

    assert len(await sandbox.messages()) == 1
    assert sum("replayed" not in answer["data"] for answer in answers) == 1
    assert {tuple(answer["data"]["msgids"]) for answer in answers} == {tuple(answers[0]["data"]["msgids"])}


async def test_the_parameter_is_as_good_as_the_header(gateway: Gateway, sandbox: Sandbox) -> None:
    await send(gateway, None, idempotency_key="k")
    answer = await send(gateway)

    assert answer["data"]["replayed"] is True
    assert len(await sandbox.messages()) == 1


async def test_other_content_under_the_same_key_is_refused(gateway: Gateway, sandbox: Sandbox) -> None:
    await send(gateway)
    answer = await send(gateway, receiver="lisi")

    assert answer["code"] == 1306406
    assert "idempotency key" in answer["message"]
    assert len(await sandbox.messages()) == 1


async def test_other_credentials_are_no_other_content(gateway: Gateway, sandbox: Sandbox) -> None:
    await send(gateway)
    answer = await send(gateway, bk_app_secret="next-secret", bk_username="", bk_token="demo-token")

    assert answer["data"]["replayed"] is True


async def test_another_key_and_no_key_are_other_messages(gateway: Gateway, sandbox: Sandbox) -> None:
    for key in ("k", "l", None, None):
        await send(gateway, key)

    assert len(await sandbox.messages()) == 4


async def test_a_call_that_sent_nothing_is_not_remembered(gateway: Gateway, sandbox: Sandbox) -> None:
    refused = await send(gateway, receiver="nobody")
    again = await send(gateway, receiver="zhangsan")

    assert refused["result"] is False
    assert again["result"] is True
    assert "replayed" not in again["data"]


async def test_a_partial_failure_is_remembered_as_it_was_told(gateway: Gateway, sandbox: Sandbox) -> None:
    first = await send(gateway, receiver="zhangsan,nobody")
    second = await send(gateway, receiver="zhangsan,nobody")

    assert first["result"] is False
    assert first["data"]["accepted"] == ["zhangsan"]
    assert (second["message"], second["data"]) == (first["message"], {**first["data"], "replayed": True})
    assert len(await sandbox.messages()) == 1


async def test_a_dry_run_neither_uses_nor_makes_an_answer(gateway: Gateway, sandbox: Sandbox) -> None:
    dry = await send(gateway, dry_run=True)
    real = await send(gateway)

    assert dry["data"]["dry_run"] is True
    assert real["data"]["accepted"] == ["zhangsan"]
    assert "replayed" not in real["data"]


async def test_a_key_that_is_too_long_is_refused(gateway: Gateway) -> None:
    assert (await send(gateway, "k" * 300))["code"] == 1306406


async def test_a_component_that_does_not_send_ignores_the_key(open_gateway: OpenGateway) -> None:
    gateway = await open_gateway("  - {path: /cmsi/get_msg_type/, use: cmsi_get_msg_type}\n")
    answers = [
        await (await gateway.post(dict(DEMO), "cmsi/get_msg_type", {"Idempotency-Key": "k"})).json() for _ in range(2)
    ]

    assert answers[0]["data"] == answers[1]["data"]
    assert isinstance(answers[0]["data"], list)
